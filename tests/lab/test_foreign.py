"""Objects and settings of other tools are not changed."""

import re
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles
from tests.lab.lab import Lab
from tests.lab.session import POOL, VOLUME, Session, run_virsh_with_xml

NETWORK = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: lan}
spec: {mode: isolated, bridge: virbr9, ADOPT}
"""
DOMAIN = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: web1}
spec:
  state: stopped
  type: qemu
  memory: 64MiB
  vcpus: 1
  disks:
    - {name: root, volume: {pool: images, name: root}}
  interfaces:
    - {name: lan, network: lan, mac: "52:54:00:00:00:21"}
"""
ADDED = (
    ("<memory", "<title>By hand</title><description>Not in the spec</description><memory"),
    ("</metadata>", '<tool:mark xmlns:tool="urn:tool:1" key="42"/></metadata>'),
    ("<os>", "<iothreads>2</iothreads><cputune><shares>512</shares></cputune><os>"),
    ("<on_reboot>restart", "<on_reboot>destroy"),
    ("<driver name='qemu' type='qcow2'", "<driver name='qemu' type='qcow2' cache='none' io='native'"),
    ("<target dev='vda'", "<iotune><total_iops_sec>100</total_iops_sec></iotune><target dev='vda'"),
    ("<model type='virtio'/>", "<model type='virtio'/><link state='down'/><driver queues='4'/>"),
    ("</devices>", "<controller type='scsi' index='7' model='virtio-scsi'/></devices>"),
    ("</devices>", "<watchdog model='i6300esb' action='reset'/></devices>"),
    ("</devices>", "<channel type='unix'><target type='virtio' name='org.other.tool'/></channel></devices>"),
)
"""Additions of another tool to a definition: where each goes, and what is there afterwards."""
MARKS = (
    "<title>By hand</title>",
    "<description>Not in the spec</description>",
    'xmlns:tool="urn:tool:1" key="42"',
    "<iothreads>2</iothreads>",
    "<shares>512</shares>",
    "<on_reboot>destroy</on_reboot>",
    "cache='none' io='native'",
    "<total_iops_sec>100</total_iops_sec>",
    "<link state='down'/>",
    "queues='4'",
    "index='7' model='virtio-scsi'",
    "<watchdog model='i6300esb' action='reset'>",
    "name='org.other.tool'",
)


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    """A host with the specs of one stopped guest and what it needs."""
    session = Session(lab, tmp_path)
    pool = POOL.format(path=lab.path / "images/pool")
    session.write("lan.yaml", NETWORK.replace(", ADOPT", ""))
    session.write("images.yaml", "---\n".join([pool, VOLUME.format(name="root")]))
    session.write("web1.yaml", DOMAIN)
    return session


def add_settings(lab: Lab) -> None:
    """Add to the guest's definition what its spec does not mention."""
    xml = lab.virsh("dumpxml", "--inactive", "web1")
    for old, new in ADDED:
        xml, count = re.subn(re.escape(old), new, xml, count=1)
        assert count == 1, old
    run_virsh_with_xml(lab, "define", xml)
    # libvirt adds the port that such a controller takes only now.
    run_virsh_with_xml(lab, "define", lab.virsh("dumpxml", "--inactive", "web1"))


def test_settings_that_are_not_in_the_spec_are_kept(session: Session) -> None:
    session.converge()
    add_settings(session.lab)
    session.assert_in_sync()
    before = session.lab.virsh("dumpxml", "--inactive", "web1")
    assert [m for m in MARKS if m not in before] == []
    session.edit("web1.yaml", "memory: 64MiB", "memory: 96MiB")

    session.converge()

    after = session.lab.virsh("dumpxml", "--inactive", "web1")
    assert after == before.replace(">65536<", ">98304<")


def test_hardware_keeps_its_addresses_when_a_device_is_added(session: Session) -> None:
    session.converge()
    add_settings(session.lab)
    before = session.lab.virsh("dumpxml", "--inactive", "web1").splitlines()
    session.edit("web1.yaml", "  interfaces:\n", "  interfaces:\n    - {name: second, network: lan}\n")

    session.converge()

    after = session.lab.virsh("dumpxml", "--inactive", "web1").splitlines()
    assert [line for line in before if line not in after] == []


def test_device_added_by_another_tool_to_a_running_guest_is_kept(
    session: Session, guest_files: GuestFiles
) -> None:
    session.edit("web1.yaml", "state: stopped", "state: running")
    session.converge()
    session.lab.virsh("schedinfo", "web1", "--live", "--config", "cpu_shares=512")
    session.lab.virsh("blkdeviotune", "web1", "vda", "--total-iops-sec", "100", "--live", "--config")
    session.lab.virsh("domif-setlink", "web1", "52:54:00:00:00:21", "down")
    session.assert_in_sync()
    session.edit("web1.yaml", "  vcpus: 1", "  vcpus: 1\n  title: New")

    session.converge()

    for flags in ((), ("--inactive",)):
        xml = session.lab.virsh("dumpxml", *flags, "web1")
        assert "<title>New</title>" in xml
        assert "<shares>512</shares>" in xml
        assert "<total_iops_sec>100</total_iops_sec>" in xml
    session.assert_in_sync()


def by_hand(lab: Lab) -> None:
    """Create a network and a guest with the names in the specs."""
    run_virsh_with_xml(
        lab,
        "net-define",
        "<network><name>lan</name><bridge name='virbr5'/><ip address='198.51.100.1' prefix='24'/></network>",
    )
    run_virsh_with_xml(
        lab,
        "define",
        "<domain type='qemu'><name>web1</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>",
    )


def definitions(lab: Lab) -> str:
    """Return libvirt's definitions of both."""
    return lab.virsh("dumpxml", "web1") + lab.virsh("net-dumpxml", "lan")


def test_object_not_managed_by_this_instance_is_a_conflict_and_is_not_changed(session: Session) -> None:
    by_hand(session.lab)
    before = definitions(session.lab)

    result = session.apply()

    assert result.exit_code == 3
    for name, file in (("Domain/web1", "web1.yaml"), ("Network/lan", "lan.yaml")):
        assert f"{name}  define held" in result.stdout
        assert f'set "adopt: true" in {session.specs / file}' in result.stdout
    assert "an object with this name already exists" in result.stdout
    assert definitions(session.lab) == before
    approved = session.run("apply", str(session.specs), "--approve", str(session.plan()["digest"]))
    assert approved.exit_code == 3
    assert definitions(session.lab) == before


def test_spec_with_adopt_takes_over_an_object_and_keeps_its_identity(session: Session) -> None:
    by_hand(session.lab)
    uuids = [session.lab.virsh(command, name) for command, name in (("domuuid", "web1"), ("net-uuid", "lan"))]
    session.write("lan.yaml", NETWORK.replace("ADOPT", "adopt: true"))
    session.edit("web1.yaml", "spec:\n", "spec:\n  adopt: true\n")

    assert {a["reason"] for a in session.plan()["actions"] if a["key"] == "Domain/web1"} == {"adopt"}
    session.converge()

    session.assert_in_sync()
    assert uuids == [
        session.lab.virsh(command, name) for command, name in (("domuuid", "web1"), ("net-uuid", "lan"))
    ]
    assert 'key="Domain/web1"' in session.lab.virsh("dumpxml", "web1")


def test_adopt_writes_specs_that_change_nothing(session: Session, guest_files: GuestFiles) -> None:
    maker = Session(session.lab, session.directory / "maker")
    maker.populate(guest_files)
    (maker.specs / "web1.yaml").unlink()
    maker.converge()
    heir = Session(session.lab, session.directory / "heir")
    heir.specs.mkdir(parents=True)
    assert heir.run("state", "accept").exit_code == 0
    before = definitions_of(session.lab)

    result = heir.run("adopt", "--all", "-o", str(heir.specs))

    assert result.exit_code == 0, result.output
    heir.assert_in_sync()
    assert heir.apply().exit_code == 0
    assert definitions_of(session.lab) == before


def definitions_of(lab: Lab) -> str:
    """Return libvirt's definitions of the stopped guest, without its ownership mark, and of the network."""
    return re.sub(r"<kvmreconcile:owner.*?/>", "", lab.virsh("dumpxml", "db1")) + re.sub(
        r"<kvmreconcile:owner.*?/>", "", lab.virsh("net-dumpxml", "lan")
    )


def test_object_of_another_instance_is_not_changed(session: Session) -> None:
    session.converge()
    other = Session(session.lab, session.directory / "other")
    other.write("web1.yaml", DOMAIN.replace("64MiB", "96MiB").replace("spec:\n", "spec:\n  adopt: true\n"))
    before = session.lab.virsh("dumpxml", "web1")

    result = other.run("apply", "--yes", str(other.specs), instance="other")

    assert result.exit_code == 3
    assert 'it is marked as managed by the instance "default"' in result.stdout
    assert session.lab.virsh("dumpxml", "web1") == before
    session.assert_in_sync()
