"""A snapshot that another tool put above a disk stays, with the data that the guest wrote into it."""

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest, prepare
from tests.lab.session import Session, run_virsh_with_xml
from tests.waiting import wait_until

HELD = 3
"""The exit status when something is held."""
SPEC = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: web1}}
spec:
  type: qemu
  machine: q35
  title: One
  memory: 128MiB
  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
  disks:
    - {{name: data, volume: {{pool: images, name: data.qcow2}}, format: qcow2}}
"""


@pytest.fixture
def guest(lab: Lab, tmp_path_factory: pytest.TempPathFactory, guest_files: GuestFiles) -> Guest:
    """A running guest with a disk."""
    session = Session(lab, tmp_path_factory.mktemp("session"))
    prepare(session)
    session.write("web1.yaml", SPEC.format(files=guest_files))
    session.converge()
    wait_for_agent(lab, "web1")
    return Guest(session, "web1")


def write(guest: Guest, text: str) -> None:
    """Write a line to the guest's disk, and to nothing above it."""
    guest.sh(f"echo {text} | dd of=/dev/vda bs=512 conv=sync,fsync")


def read(guest: Guest) -> str:
    """Return the line on the guest's disk."""
    return guest.sh("dd if=/dev/vda bs=512 count=1 iflag=direct | tr -d '\\0'")


def snapshot(guest: Guest) -> None:
    """Create an external snapshot of the disk, as backup tools do."""
    above = "vda,snapshot=external,file=/var/lib/libvirt/images/data.before"
    guest.virsh("snapshot-create-as", "before", "--disk-only", "--no-metadata", "--diskspec", above)
    assert "data.before" in guest.virsh("domblklist")


def power_cycle(guest: Guest) -> None:
    guest.virsh("shutdown", "--mode", "acpi")
    wait_until(lambda: guest.virsh("domstate").strip() == "shut off", "it is off")
    guest.session.converge()
    wait_for_agent(guest.session.lab, guest.name)
    wait_until(lambda: not guest.session.drift(), "it is in sync")


def test_data_written_after_a_snapshot_by_another_tool_is_kept(guest: Guest) -> None:
    write(guest, "old")
    snapshot(guest)
    write(guest, "new")

    guest.session.assert_in_sync()
    guest.session.edit("web1.yaml", "title: One", "title: Two")
    assert guest.session.drift() == [
        "Domain/web1 define",
        "Domain/web1 set-title",
        "Domain/web1 ~ title",
    ]
    guest.session.converge()

    assert read(guest) == "new"
    guest.session.assert_in_sync()
    power_cycle(guest)
    assert read(guest) == "new"
    assert "data.before" in guest.virsh("domblklist")
    guest.session.assert_in_sync()


def test_guest_is_in_sync_after_another_tool_merged_its_snapshot(guest: Guest) -> None:
    snapshot(guest)
    write(guest, "new")
    guest.virsh("blockcommit", "vda", "--active", "--pivot", "--wait")

    guest.session.assert_in_sync()
    assert "data.qcow2" in guest.virsh("domblklist")
    assert read(guest) == "new"


def test_disk_moved_to_an_unrelated_file_is_reported_and_not_moved_back(guest: Guest) -> None:
    guest.virsh(
        "blockcopy", "vda", "/var/lib/libvirt/images/elsewhere.qcow2", "--transient-job", "--wait", "--pivot"
    )
    write(guest, "new")

    held = guest.session.plan()["held"]

    assert [(h["key"], h["hold"]) for h in held] == [("Domain/web1", "strayed")]
    assert "whose backing chain does not contain" in held[0]["detail"]
    guest.session.edit("web1.yaml", "title: One", "title: Two")
    guest.session.apply()
    assert read(guest) == "new"
    assert guest.virsh("desc", "--title").strip() == "Two"


def test_disk_of_a_stopped_guest_on_another_volume_is_reported_and_not_moved_back(guest: Guest) -> None:
    guest.session.edit("web1.yaml", "  type: qemu", "  state: any\n  type: qemu")
    guest.session.converge()
    guest.virsh("destroy")
    run_virsh_with_xml(
        guest.session.lab, "define", guest.virsh("dumpxml").replace("data.qcow2", "more.qcow2")
    )

    held = guest.session.plan()["held"]

    assert [(h["key"], h["hold"]) for h in held] == [("Domain/web1", "strayed")]
    guest.session.apply()
    assert "more.qcow2" in guest.virsh("domblklist")


def test_edit_waits_until_a_running_block_job_ends(guest: Guest) -> None:
    guest.virsh(
        "blockcopy", "vda", "/var/lib/libvirt/images/slow.qcow2", "--transient-job", "--bandwidth", "1"
    )
    guest.session.edit("web1.yaml", "  disks:\n", "  disks: []\n  #")

    held = guest.session.plan()["held"]
    result = guest.session.apply()

    assert {(h["hold"], h["detail"]) for h in held} == {("busy", "a block job runs on vda")}
    assert result.exit_code == HELD
    assert "vda" in guest.virsh("domblklist")
    guest.virsh("blockjob", "vda", "--abort")
    guest.session.converge()
    assert "vda" not in guest.virsh("domblklist")


def test_saved_guest_is_restored_with_its_saved_hardware_and_the_edit_is_pending(guest: Guest) -> None:
    boot = guest.boot
    guest.virsh("managedsave")
    guest.session.edit("web1.yaml", "title: One", "title: Two")
    guest.session.edit("web1.yaml", "memory: 128MiB", "memory: 192MiB")

    guest.session.converge()
    wait_for_agent(guest.session.lab, "web1")
    assert guest.session.drift() == []

    assert guest.boot == boot
    assert guest.virsh("desc", "--title").strip() == "Two"
    assert [c["path"] for c in guest.session.plan()["pending"]["Domain/web1"]] == ["memory", "currentMemory"]
    power_cycle(guest)
    guest.session.assert_in_sync()
    assert guest.boot != boot
