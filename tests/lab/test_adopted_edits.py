"""Running guests that were defined by other tools are adopted, and accept common edits while they run."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.session import NETWORK, Session

pytestmark = [pytest.mark.case("30"), pytest.mark.timeout(600)]

Fields = dict[str, Any]
_OS = """
<os><type arch='x86_64' machine='{machine}'>hvm</type><kernel>{files.vmlinuz}</kernel><initrd>{files.initrd}</initrd>
<cmdline>console=ttyS0 quiet</cmdline></os>"""
_AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
_DISK = "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>"
_DRIVE = "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><target dev='sda' bus='sata'/><readonly/></disk>"
_PORTS = "<controller type='pci' model='pcie-root'/>" + "<controller type='pci' model='pcie-root-port'/>" * 14
_USB2 = (
    "<controller type='usb' model='ich9-ehci1'/>"
    + "".join(
        f"<controller type='usb' model='ich9-uhci{n}'><master startport='{2 * n - 2}'/></controller>" for n in (1, 2, 3)
    )
)  # fmt: skip
_NIC = "<interface type='network'><mac address='52:54:00:00:00:{mac}'/><source network='lan'/><model type='virtio'/>{more}</interface>"

# A new guest as virt-manager defines it: a modern machine with free ports, an empty drive, a display on any port.
MODERN = (
    "<domain type='qemu'><name>modern</name><memory unit='MiB'>128</memory><vcpu placement='static'>2</vcpu>"
    + _OS
    + "<features><acpi/><apic/><vmport state='off'/></features><cpu mode='maximum' check='none' migratable='on'/>"
    "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='hpet' present='no'/></clock>"
    "<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm><devices>"
    + _DISK
    + _DRIVE
    + "<controller type='usb' model='qemu-xhci' ports='15'/>"
    + _PORTS
    + _NIC.format(mac="78", more="")
    + _AGENT
    + "<serial type='pty'/><input type='tablet' bus='usb'/><graphics type='vnc' port='-1' websocket='-1'/>"
    "<sound model='ich9'/><video><model type='vga'/></video><watchdog model='i6300esb' action='reset'/>"
    "<memballoon model='virtio'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
    "</devices></domain>"
)
# A guest whose processors were plugged in one by one, with the USB controllers of older guests.
PLUGGED = (
    "<domain type='qemu'><name>plugged</name><memory unit='MiB'>128</memory><vcpu placement='static' current='2'>4</vcpu>"
    "<vcpus><vcpu id='0' enabled='yes' hotpluggable='no' order='1'/><vcpu id='1' enabled='yes' hotpluggable='yes' order='2'/>"
    "<vcpu id='2' enabled='no' hotpluggable='yes'/><vcpu id='3' enabled='no' hotpluggable='yes'/></vcpus>"
    + _OS
    + "<features><acpi/><apic/></features><devices>"
    + _DISK
    + _DRIVE
    + _USB2
    + _PORTS
    + _NIC.format(mac="77", more="")
    + _AGENT
    + "<serial type='pty'/><graphics type='vnc' autoport='yes'/><video><model type='cirrus'/></video></devices></domain>"
)
# An older machine, where each device has its address written down.
OLD = (
    "<domain type='qemu'><name>old</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>"
    + _OS
    + "<features><acpi/></features><devices>"
    + _DISK
    + _NIC.format(
        mac="13", more="<address type='pci' domain='0x0000' bus='0x00' slot='0x08' function='0x0'/>"
    )
    + _AGENT
    + "<serial type='pty'/></devices></domain>"
)


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of an adopted spec; `live` is whether it applies without a restart."""

    name: str
    make: Callable[[Fields, str], None]
    live: bool


def _put(**more: Any) -> Callable[[Fields, str], None]:
    return lambda fields, _: fields.update(more)


def _append(name: str, entry: Fields) -> Callable[[Fields, str], None]:
    def make(fields: Fields, disk: str) -> None:
        new = {key: value.format(disk) if isinstance(value, str) else value for key, value in entry.items()}
        fields[name] = [*fields.get(name, []), new]

    return make


def _without_drive(fields: Fields, _: str) -> None:
    fields["disks"] = [disk for disk in fields["disks"] if disk.get("device") != "cdrom"]


def _mac(fields: Fields, _: str) -> None:
    fields["interfaces"][0]["mac"] = "52:54:00:00:00:aa"


def _more_processors(fields: Fields, _: str) -> None:
    fields["vcpus"]["count"] = 4


TITLE = Edit("title", _put(title="edited"), live=True)
DISK = Edit(
    "disk", _append("disks", {"name": "more", "file": "{}.more", "format": "raw", "bus": "virtio"}), live=True
)
NIC = Edit(
    "NIC",
    _append(
        "interfaces", {"name": "second", "network": "lan", "model": "virtio", "mac": "52:54:00:00:00:bb"}
    ),
    live=True,
)
DRIVE = Edit("drive", _without_drive, live=False)
MAC = Edit("MAC", _mac, live=False)
MEMORY = Edit("memory", _put(memory="160MiB"), live=False)
PROCESSORS = Edit("processors", _more_processors, live=True)
SOUND = Edit(
    "sound", lambda fields, _: fields.update(sound=[fields.get("sound", "ich9"), "ac97"]), live=False
)

GUESTS = {
    "modern": (MODERN, "q35", (TITLE, DISK, NIC, DRIVE, MAC, SOUND, MEMORY)),
    "plugged": (PLUGGED, "q35", (TITLE, PROCESSORS, DISK, NIC, DRIVE, MAC, MEMORY)),
    "old": (OLD, "pc", (TITLE, DISK, NIC, MAC, MEMORY)),
}


@pytest.mark.parametrize("name", GUESTS)
def test_adopted_guest_accepts_common_edits_while_it_runs(
    lab: Lab, guest_files: GuestFiles, tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    xml, machine, edits = GUESTS[name]
    if not request.config.getoption("--full"):
        # Each of the other edits takes another boot.
        edits = tuple(edit for edit in edits if edit.live or edit is MAC)
    session, disk = Session(lab, tmp_path), f"{lab.path}/{name}.img"
    session.write("lan.yaml", NETWORK)
    session.converge()
    for file in (disk, f"{disk}.more"):
        subprocess.run(["truncate", "-s", "1M", file], check=True)
    definition = tmp_path / "guest.xml"
    definition.write_text(xml.format(machine=machine, files=guest_files, disk=disk))
    lab.virsh("define", str(definition))
    lab.virsh("start", name)
    wait_for_agent(lab, name)
    guest = Guest(session, name)
    boot = guest.boot

    spec = session.specs / f"{name}.yaml"
    adopted = session.run("adopt", f"Domain/{name}", "-o", str(spec))

    assert adopted.exit_code == 0, adopted.output
    session.assert_in_sync()
    for edit in edits:
        document = yaml.safe_load(spec.read_text())
        edit.make(document["spec"], disk)
        spec.write_text(yaml.safe_dump(document))
        before = devices(lab, name)

        report = session.apply()

        assert report.exit_code == 0, (edit.name, report.output)
        is_pending = bool(session.plan()["pending"])
        assert guest.boot == boot, edit.name
        assert is_pending is not edit.live, (edit.name, report.output)
        assert devices(lab, name) - before == edit_devices(edit), edit.name
        if is_pending:
            lab.virsh("destroy", name)
            session.converge()
            wait_for_agent(lab, name)
            boot = guest.boot
        session.assert_in_sync()


def devices(lab: Lab, name: str) -> int:
    """Return how many disks, interfaces and sound cards are stored."""
    xml = lab.virsh("dumpxml", name, "--inactive")
    return sum(xml.count(f"<{tag} ") for tag in ("disk", "interface", "sound"))


def edit_devices(edit: Edit) -> int:
    """Return by how many devices an edit changes the number of each kind."""
    return {"disk": 1, "NIC": 1, "drive": -1, "sound": 1}.get(edit.name, 0)
