"""Edits of the keys of devices in use: each device keeps its identity, and nothing is unplugged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pytest
import yaml

from kvmreconcile.host.connection import connect
from tests.lab.guest import GuestFiles, domain_xml, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest, prepare
from tests.lab.session import Session, run_virsh_with_xml
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(360)

NAME = "same1"
KEY = f"Domain/{NAME}"
DATA, MORE = ({"volume": {"pool": "images", "name": f"{name}.qcow2"}} for name in ("data", "more"))
ONE, TWO, THREE, FOUR = (f"52:54:00:00:00:0{digit}" for digit in "1234")
PLUGGING = (
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
)


class Known:
    """A running guest, its spec, and a pattern on its disk."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.guest = Guest(session, NAME)
        self.spec: dict[str, Any] = {}

    def write_spec(self, **fields: object) -> None:
        """Write the fields into its spec."""
        self.spec.update(fields)
        head = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": NAME}}
        self.session.write("same.yaml", yaml.safe_dump({**head, "spec": self.spec}))

    def write_device(self, field: str, index: int, **more: object) -> None:
        """Write the fields into one of its devices."""
        devices = [dict(device) for device in self.spec[field]]
        devices[index].update(more)
        self.write_spec(**{field: devices})

    def mark(self) -> None:
        """Write a pattern to its first disk, which it keeps open from then on."""
        self.guest.sh("printf precious | dd of=/dev/vda conv=fsync 2>/dev/null")
        self.guest.sh("sleep 9999 < /dev/vda >/dev/null 2>&1 &")

    @property
    def is_marked(self) -> bool:
        """Return whether its first disk still has the pattern."""
        return self.guest.sh("head -c 8 /dev/vda") == "precious"

    def pending(self) -> list[str]:
        """Return what waits for its next start, and fail if anything else is planned."""
        plan = self.session.plan()
        assert plan["empty"], plan
        return sorted(change["path"] for change in plan["pending"].get(KEY, ()))

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Fail if a device is attached or detached meanwhile, or the guest boots or loses its data."""
        boot = self.guest.boot
        with connect(self.session.lab.uri) as connection:
            heard: list[int] = []
            domain = connection.virt.lookupByName(NAME)
            # libvirt-python's annotations have only callbacks for all domains and all events.
            register: Callable[..., int] = connection.virt.domainEventRegisterAny
            for event in (*PLUGGING, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE):
                register(domain, event, lambda *said: heard.append(said[-1]), event)
            yield
            # It arrives after all earlier events.
            count = heard.count(libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE)
            self.guest.virsh("desc", "--live", "over")
            wait_until(
                lambda: heard.count(libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE) > count, "events are heard"
            )
        assert not {*PLUGGING} & {*heard}
        assert self.guest.boot == boot
        assert self.is_marked

    def cycle(self) -> None:
        """Power-cycle it, and fail unless it is then as its spec says, with its data."""
        self.guest.virsh("destroy")
        self.session.converge()
        wait_for_agent(self.session.lab, NAME)
        wait_until(lambda: not self.session.drift(), "nothing is left to do")
        self.session.assert_in_sync()
        assert self.is_marked


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    """A host with volumes and networks."""
    session = Session(lab, tmp_path)
    prepare(session)
    return session


@pytest.fixture
def known(session: Session, guest_files: GuestFiles) -> Known:
    """A guest with a disk and two interfaces, none of which has a name."""
    known = Known(session)
    boot = {"kernel": str(guest_files.vmlinuz), "initrd": str(guest_files.initrd), "cmdline": "quiet"}
    known.write_spec(
        type="qemu",
        memory="128MiB",
        boot=boot,
        disks=[{**DATA, "target": "vda"}],
        interfaces=[{"network": "lan", "mac": ONE}, {"network": "dmz", "mac": TWO}],
    )
    session.converge()
    wait_for_agent(session.lab, NAME)
    known.mark()
    return known


@pytest.mark.case("7")
def test_edited_target_and_mac_wait_for_the_next_start(known: Known) -> None:
    with known.untouched():
        known.write_device("disks", 0, target="vdb")
        known.write_device("interfaces", 0, mac=THREE)
        plan = known.session.plan()
        known.session.converge()

        assert [(step["verb"], step["effect"]) for step in plan["actions"]] == [("define", "next-boot")]
        waits = ["devices/disk[vdb]/target/@dev", f"devices/interface[{THREE}]/mac/@address"]
        assert known.pending() == waits

        # What can be changed live is changed, in the right device.
        known.write_device("interfaces", 0, link="down")
        known.write_device("disks", 0, iotune={"totalIopsSec": 100})
        known.session.converge()

        assert known.pending() == waits
        links = [known.guest.virsh("domif-getlink", mac).split()[-1] for mac in (ONE, TWO)]
        assert links == ["down", "up"]
        assert "total_iops_sec : 100\n" in known.guest.virsh("blkdeviotune", "vda")

    known.cycle()

    assert known.guest.virsh("domblklist").split().count("vdb") == 1
    macs = known.guest.sh("cat /sys/class/net/eth*/address").split()
    assert macs == [THREE, TWO]


@pytest.mark.case("7")
def test_name_is_added_without_a_live_change_and_identifies_the_device_in_any_edit(known: Known) -> None:
    with known.untouched():
        known.write_device("disks", 0, name="root")
        for index, name in enumerate(("one", "two")):
            known.write_device("interfaces", index, name=name)
        known.session.converge()
        known.session.assert_in_sync()

        # All keys, and all other differences between them except their addresses.
        known.write_device("interfaces", 0, mac=THREE)
        known.write_device("interfaces", 1, mac=FOUR, link="down")
        known.write_device("disks", 0, target="vdb")
        known.session.converge()

        waits = ["disk[root]/target/@dev", "interface[one]/mac/@address", "interface[two]/mac/@address"]
        assert known.pending() == [f"devices/{path}" for path in waits]
        assert known.guest.virsh("domif-getlink", TWO).split()[-1] == "down"

    known.cycle()

    assert known.guest.sh("cat /sys/class/net/eth*/address").split() == [THREE, FOUR]


@pytest.mark.case("7")
def test_ambiguous_interfaces_are_held_and_other_changes_are_applied(known: Known) -> None:
    known.write_device("interfaces", 1, network="lan")
    known.session.converge()
    with known.untouched():
        known.write_device("interfaces", 0, mac=THREE)
        known.write_device("interfaces", 1, mac=FOUR)
        known.write_spec(title="Edited")

        report = known.session.apply()

        assert report.exit_code == 3, report.output
        held = known.session.plan()["held"]
        assert [(h["key"], h["hold"]) for h in held] == [(KEY, "ambiguous")]
        assert 'first add a "name" to each' in held[0]["release"]
        assert known.guest.virsh("desc", "--title").strip() == "Edited"
        assert THREE not in known.guest.virsh("dumpxml", "--inactive")

        # Follow the remedy: first a name for each beside its old key, then the edit.
        known.write_device("interfaces", 0, name="one", mac=ONE)
        known.write_device("interfaces", 1, name="two", mac=TWO)
        known.session.converge()
        known.session.assert_in_sync()
        known.write_device("interfaces", 0, mac=THREE)
        known.write_device("interfaces", 1, mac=FOUR)
        known.session.converge()
        assert known.pending() == [f"devices/interface[{name}]/mac/@address" for name in ("one", "two")]

    known.cycle()


@pytest.mark.case("7")
def test_editing_the_target_of_a_disk_keeps_data_written_after_a_snapshot(known: Known) -> None:
    above = "vda,snapshot=external,file=/var/lib/libvirt/images/data.before"
    known.guest.sh("printf obsolete | dd of=/dev/vda conv=fsync 2>/dev/null")
    known.guest.virsh("snapshot-create-as", "before", "--disk-only", "--no-metadata", "--diskspec", above)
    known.mark()

    with known.untouched():
        known.write_device("disks", 0, target="vdb")
        known.session.converge()
        assert known.pending() == ["devices/disk[vdb]/target/@dev"]
        assert "data.before" in known.guest.virsh("dumpxml", "--inactive")

    known.cycle()


@pytest.mark.case("7")
def test_adopted_guest_has_names_for_its_devices_without_a_live_change(
    session: Session, guest_files: GuestFiles
) -> None:
    known = Known(session)
    disks = "".join(
        f"<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source pool='images' volume='{volume}'/><target dev='{dev}' bus='virtio'/></disk>"
        for volume, dev in (("data.qcow2", "vda"), ("more.qcow2", "vdb"))
    )
    nics = "".join(
        f"<interface type='network'><mac address='{mac}'/><source network='lan'/><model type='virtio'/></interface>"
        for mac in (ONE, TWO)
    )
    run_virsh_with_xml(session.lab, "define", domain_xml(session.lab, NAME, guest_files, disks + nics))
    session.lab.virsh("start", NAME)
    wait_for_agent(session.lab, NAME)
    known.mark()
    file = session.specs / "same.yaml"

    with known.untouched():
        report = session.run("adopt", KEY, "-o", str(file))

        assert report.exit_code == 0, report.output
        known.spec = yaml.safe_load(file.read_text())["spec"]
        assert [disk["name"] for disk in known.spec["disks"]] == ["data", "more"]
        assert [nic["name"] for nic in known.spec["interfaces"]] == ["lan", "lan-2"]
        assert known.guest.virsh("dumpxml", "--inactive").count("<alias name='ua-") == 4
        assert "ua-" not in known.guest.virsh("dumpxml")
        session.assert_in_sync()

        # Both on one network and both edited, distinguished only by their names; and a disk detached by its name.
        known.write_device("interfaces", 0, mac=THREE)
        known.write_device("interfaces", 1, mac=FOUR, link="down")
        known.write_device("disks", 0, target="vdc")
        known.session.converge()

        waits = ["disk[data]/target/@dev", "interface[lan-2]/mac/@address", "interface[lan]/mac/@address"]
        assert known.pending() == [f"devices/{path}" for path in waits]
        assert known.guest.virsh("domif-getlink", TWO).split()[-1] == "down"

    known.cycle()

    assert known.guest.sh("cat /sys/class/net/eth*/address").split() == [THREE, FOUR]
    assert known.guest.virsh("dumpxml").count("<alias name='ua-") == 4
