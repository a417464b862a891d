"""Values that libvirt chooses at the start of a guest are never pending and cause no restart, regardless of what starts it."""

import shutil
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.session import Session, run_virsh_with_xml

NAME = "web1"
BOOT = """\
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <kernel>/var/lib/libvirt/boot/demo/vmlinuz</kernel>
    <initrd>/var/lib/libvirt/boot/demo/initrd</initrd>
    <cmdline>console=ttyS0 quiet</cmdline>
"""
AGENT = "<channel type='unix'><source mode='bind'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
MODERN = f"""\
<domain type='qemu'>
  <name>{NAME}</name>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="http://debian.org/debian/12"/>
    </libosinfo:libosinfo>
  </metadata>
  <memory unit='MiB'>96</memory>
  <vcpu placement='static'>2</vcpu>
  <os>{BOOT}<boot dev='hd'/></os>
  <features><acpi/><apic/><vmport state='off'/></features>
  <cpu mode='maximum' check='none' migratable='on'/>
  <clock offset='utc'>
    <timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/><timer name='hpet' present='no'/>
  </clock>
  <pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source file='/var/lib/libvirt/images/a.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/><target dev='sda' bus='sata'/><readonly/>
    </disk>
    <controller type='usb' model='qemu-xhci' ports='15'/>
    <interface type='user'><mac address='52:54:00:00:00:78'/><model type='virtio'/></interface>
    <serial type='pty'/><console type='pty'/>{AGENT}
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' port='-1' websocket='-1'/>
    <video><model type='vga'/></video>
    <watchdog model='i6300esb' action='reset'/>
  </devices>
</domain>
"""
LISTEN = f"""\
<domain type='qemu'>
  <name>{NAME}</name>
  <memory unit='MiB'>96</memory>
  <os>{BOOT}</os>
  <features><acpi/></features>
  <devices>
    <serial type='tcp'><source mode='bind' host='127.0.0.1' service='0'/></serial>
    <graphics type='vnc' autoport='yes'><listen type='network' network='lan'/></graphics>
    <interface type='network'>
      <mac address='52:54:00:00:00:80'/><source network='lan'/><model type='virtio'/>
    </interface>
    {AGENT}
  </devices>
</domain>
"""
SPEC = f"""\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: {NAME}}}
spec:
  adopt: true
  memory: 32MiB
  xml: |
    <domain><devices>{{graphics}}</devices></domain>
"""
EMPTY = """\
<domain type='qemu'>
  <name>{name}</name>
  {top}
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>{devices}</devices>
</domain>
"""
_MIB = "<memory unit='MiB'>32</memory>"
_FEATURES = "<feature policy='require' name='avx512f'/><feature policy='optional' name='avx512bw'/>"
_NIC = "<interface type='network'><mac address='52:54:00:00:00:80'/><source network='{}'/>{}<model type='virtio'/></interface>"
EMPTY_GUESTS = {
    "SPICE": ("", "<graphics type='spice' port='-1'/>"),
    "interface of a bridge of the host": ("", _NIC.format("bridged", "")),
    "interface of a device of the host": ("", _NIC.format("direct", "")),
    "tap": ("", _NIC.format("lan", "<target dev='tap%d'/>")),
    "memory": ("<memory unit='KiB'>99001</memory>", ""),
    "local time": ("<clock offset='variable' adjustment='60' basis='localtime'/>", ""),
    "least processor": (
        "<cpu mode='custom' match='minimum' check='none'><model>qemu64</model></cpu>",
        "",
    ),
    "features that QEMU does not have": (
        f"<cpu mode='custom' match='exact' check='none'><model fallback='allow'>EPYC</model>{_FEATURES}</cpu>",
        "",
    ),
}
"""The fields of a guest that boots nothing: those outside of devices, and its devices."""
NETWORKS = {
    "lan": "<bridge name='virbr9' stp='off'/><ip address='192.0.2.1' prefix='24'/>",
    "bridged": "<forward mode='bridge'/><bridge name='br5'/>",
    "direct": "<forward mode='bridge'><interface dev='out1'/></forward>",
}


@pytest.fixture(scope="module")
def host(shared_lab: Lab, guest_files: GuestFiles) -> Lab:
    """A host with networks of several kinds, a disk, and a kernel to boot."""
    lab = shared_lab
    lab.reset()
    devices = "ip link add out1 type veth peer name out2; ip link set out1 up; ip link add br5 type bridge; ip link set br5 up"
    lab.exec("sh", "-c", devices)
    for name, xml in NETWORKS.items():
        run_virsh_with_xml(lab, "net-define", f"<network><name>{name}</name>{xml}</network>")
        lab.virsh("net-start", name)
    boot = lab.path / "lib/boot/demo"
    boot.mkdir(parents=True, exist_ok=True)
    for file in (guest_files.vmlinuz, guest_files.initrd):
        shutil.copy(file, boot)
    lab.exec("qemu-img", "create", "-q", "-f", "qcow2", "/var/lib/libvirt/images/a.qcow2", "16M")
    return lab


@pytest.fixture
def guest(host: Lab, tmp_path: Path) -> Guest:
    """A guest that does not exist yet."""
    for name in host.virsh("list", "--name").split():
        host.virsh("destroy", name)
    for name in host.virsh("list", "--all", "--name").split():
        host.virsh("undefine", name)
    session = Session(host, tmp_path)
    session.specs.mkdir()
    return Guest(session, NAME)


def adopt(guest: Guest, xml: str) -> None:
    """Define and start a guest by virsh, and adopt it."""
    run_virsh_with_xml(guest.session.lab, "define", xml)
    guest.virsh("start")
    adopted = guest.session.run("adopt", f"Domain/{NAME}", "-o", str(guest.session.specs / "web1.yaml"))
    assert adopted.exit_code == 0, adopted.output


def restart_by_virsh(guest: Guest) -> None:
    """Stop and start it, while another guest takes the ports that it had."""
    guest.virsh("destroy")
    other = EMPTY.format(name="other", top=_MIB, devices="<graphics type='vnc' websocket='-1'/>")
    run_virsh_with_xml(guest.session.lab, "create", other)
    guest.virsh("start")


def assert_left_alone(guest: Guest) -> None:
    """Fail if anything is planned, pending or done, though a restart is allowed."""
    run = guest.virsh("domid")
    guest.session.assert_in_sync()
    guest.session.converge("--max-effect", "restart")
    guest.session.assert_in_sync()
    assert guest.virsh("domid") == run


BOOTED = [
    pytest.param(MODERN, "port='5901'", marks=pytest.mark.case("5a"), id="as virt-install makes it"),
    pytest.param(
        LISTEN, "address='192.0.2.1'", marks=pytest.mark.case("5b"), id="on the address of a network"
    ),
]


@pytest.mark.parametrize(("xml", "chosen"), BOOTED)
def test_adopted_guest_needs_no_change_after_a_restart_with_virsh(
    guest: Guest, xml: str, chosen: str
) -> None:
    adopt(guest, xml)
    wait_for_agent(guest.session.lab, NAME)
    assert_left_alone(guest)
    boot = guest.boot

    restart_by_virsh(guest)

    wait_for_agent(guest.session.lab, NAME)
    assert guest.boot != boot
    assert chosen in guest.virsh("dumpxml")
    boot = guest.boot
    assert_left_alone(guest)
    assert guest.boot == boot


_ADDRESS = "<listen type='network' network='lan' address='192.0.2.9'/>"
GRAPHICS = [
    pytest.param("<graphics type='vnc' port='-1' autoport='yes'/>", marks=pytest.mark.case("5c"), id="port"),
    pytest.param(
        "<graphics type='vnc' port='5930' autoport='yes'/>",
        marks=pytest.mark.case("5c"),
        id="port of another run",
    ),
    pytest.param(
        f"<graphics type='vnc' autoport='yes'>{_ADDRESS}</graphics>",
        marks=pytest.mark.case("5b"),
        id="address of another run",
    ),
]


@pytest.mark.parametrize("graphics", GRAPHICS)
def test_value_that_the_xml_leaves_to_libvirt_is_never_pending(guest: Guest, graphics: str) -> None:
    run_virsh_with_xml(guest.session.lab, "define", EMPTY.format(name=NAME, top=_MIB, devices=graphics))
    guest.virsh("start")
    guest.session.write("web1.yaml", SPEC.replace("{graphics}", graphics))
    guest.session.converge()
    assert_left_alone(guest)

    restart_by_virsh(guest)

    assert "port='5901'" in guest.virsh("dumpxml")
    assert_left_alone(guest)


@pytest.mark.case("5b")
@pytest.mark.parametrize(("top", "devices"), EMPTY_GUESTS.values(), ids=EMPTY_GUESTS)
def test_other_values_chosen_at_start_are_never_pending(guest: Guest, top: str, devices: str) -> None:
    adopt(guest, EMPTY.format(name=NAME, top=top if "<memory" in top else _MIB + top, devices=devices))
    assert_left_alone(guest)

    restart_by_virsh(guest)

    assert_left_alone(guest)


@pytest.mark.case("5b")
def test_copy_of_a_running_definition_is_never_pending(guest: Guest) -> None:
    """Its taps, paths and aliases belong to one run, and libvirt stores none of them."""
    devices = f"<serial type='pty'/>{AGENT}{_NIC.format('lan', '')}<graphics type='vnc'/>"
    run_virsh_with_xml(guest.session.lab, "define", EMPTY.format(name=NAME, top=_MIB, devices=devices))
    guest.virsh("start")
    xml = guest.virsh("dumpxml").replace("\n", "\n    ")
    spec = f"adopt: true, memory: 32MiB, xml: |\n    {xml}"
    text = f"apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {{name: {NAME}}}\nspec:\n  "
    guest.session.write("web1.yaml", text + spec.replace(", ", "\n  "))
    guest.session.converge()

    restart_by_virsh(guest)

    assert_left_alone(guest)


def test_generation_id_of_a_restored_guest_is_never_pending(guest: Guest) -> None:
    adopt(guest, EMPTY.format(name=NAME, top=f"<genid/>{_MIB}", devices=""))
    before = guest.virsh("dumpxml").partition("<genid>")[2][:36]

    guest.virsh("managedsave")
    guest.virsh("start")

    assert before not in guest.virsh("dumpxml")
    assert_left_alone(guest)


def test_clock_that_the_guest_set_is_never_pending(guest: Guest) -> None:
    clock = "<clock offset='variable' adjustment='3600' basis='utc'/><devices>"
    adopt(guest, LISTEN.replace("<devices>", clock))
    wait_for_agent(guest.session.lab, NAME)

    guest.sh("date -s @1000000000 && hwclock --utc --systohc")

    assert "adjustment='3600'" not in guest.virsh("dumpxml")
    assert_left_alone(guest)


def test_interface_on_a_host_bridge_is_changed_while_the_guest_runs(guest: Guest) -> None:
    adopt(guest, EMPTY.format(name=NAME, top=_MIB, devices=_NIC.format("bridged", "")))
    guest.session.edit("web1.yaml", "network: bridged", "network: bridged, link: down")

    guest.session.converge()

    assert "down" in guest.virsh("domif-getlink", "52:54:00:00:00:80")
    assert_left_alone(guest)
    guest.session.edit("web1.yaml", "network: bridged", "network: lan")
    guest.session.converge()
    assert "virbr9" in guest.virsh("dumpxml")
    assert_left_alone(guest)
