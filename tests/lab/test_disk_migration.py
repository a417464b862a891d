"""A disk that is moved to another volume takes the guest's data along, or stays where it is."""

from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest, prepare
from tests.lab.session import Session
from tests.lab.test_snapshots import SPEC, read, write
from tests.waiting import wait_until

SMALL = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {name: small}
spec: {pool: images, capacity: 8MiB, format: qcow2}
"""
FULL_SIZE = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {name: raw}
spec: {pool: images, capacity: 16MiB, allocation: 16MiB, format: raw}
"""
OTHER = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: db1}
spec:
  state: stopped
  type: qemu
  memory: 64MiB
  disks: [{name: data, volume: {pool: images, name: one.iso}}]
"""
PART = "devices/disk[data]/source"


@pytest.fixture
def guest(lab: Lab, tmp_path: Path, guest_files: GuestFiles) -> Guest:
    """A running guest whose disk is copied, and is about to be moved to another volume."""
    session = Session(lab, tmp_path)
    prepare(session)
    session.write("web1.yaml", f"{SPEC.format(files=guest_files)}  update: {{copyDisks: true}}\n")
    session.converge()
    wait_for_agent(lab, "web1")
    guest = Guest(session, "web1")
    write(guest, "precious")
    session.edit("web1.yaml", "name: data.qcow2", "name: more.qcow2")
    return guest


def path_of(guest: Guest, volume: str) -> str:
    return guest.session.lab.virsh("vol-path", "--pool", "images", volume).strip()


def assert_moved(guest: Guest, boot: str, volume: str) -> None:
    assert guest.boot == boot
    assert read(guest) == "precious"
    assert path_of(guest, volume) in guest.virsh("dumpxml")
    assert path_of(guest, volume) in guest.virsh("dumpxml", "--inactive")
    guest.session.assert_in_sync()


def refused(guest: Guest, old: str, new: str) -> str:
    """Return the message when the disk is to be moved to an unsuitable volume."""
    guest.session.edit("web1.yaml", f"name: {old}", f"name: {new}")
    result = guest.session.apply()
    assert result.exit_code == 1
    assert guest.session.drift() == ["Domain/web1 move", f"Domain/web1 ~ {PART}"]
    return " ".join(result.output.split())


def test_small_used_or_nonempty_target_volume_is_refused_and_the_disk_is_not_moved(
    guest: Guest, tmp_path: Path
) -> None:
    guest.session.write("small.yaml", SMALL)
    guest.session.write("db1.yaml", OTHER)
    assert "Volume/images/small (8MiB) is smaller than the disk (16MiB)" in refused(
        guest, "more.qcow2", "small"
    )
    # The guest that uses the volume exists by now; a plan that creates both would not know of it.
    assert "Domain/db1 uses Volume/images/one.iso" in refused(guest, "small", "one.iso")

    (tmp_path / "full").write_bytes(b"data of another " * (1 << 20))
    path = path_of(guest, "more.qcow2")
    guest.session.lab.exec("qemu-img", "convert", "-O", "qcow2", str(tmp_path / "full"), path)
    before = Path(path).read_bytes()
    assert "Volume/images/more.qcow2 is not empty" in refused(guest, "one.iso", "more.qcow2")
    assert Path(path).read_bytes() == before

    assert read(guest) == "precious"
    assert "data.qcow2" in guest.virsh("domblklist")
    assert "data.qcow2" in guest.virsh("domblklist", "--inactive")


def test_copy_that_remains_from_a_killed_run_is_aborted_and_repeated(guest: Guest) -> None:
    boot, path = guest.boot, path_of(guest, "more.qcow2")
    guest.virsh("blockcopy", "vda", path, "--reuse-external", "--transient-job", "--format", "qcow2")
    guest.session.edit("web1.yaml", "title: One", "title: Two")

    plan = guest.session.plan()

    assert [(a["verb"], a["effect"]) for a in plan["actions"]] == [("move", "live")]
    assert {(h["verb"], h["hold"]) for h in plan["held"]} == {("define", "busy"), ("set-title", "busy")}
    guest.session.apply()
    guest.session.converge()
    assert guest.virsh("desc", "--title").strip() == "Two"
    assert_moved(guest, boot, "more.qcow2")

    # Then to a volume that is fully allocated and blank.
    guest.session.write("raw.yaml", FULL_SIZE)
    guest.session.edit("web1.yaml", "name: more.qcow2}, format: qcow2", "name: raw}")
    guest.session.converge()
    assert_moved(guest, boot, "raw")


def test_disk_migration_of_a_stopped_guest_waits_until_the_guest_runs(guest: Guest) -> None:
    guest.session.edit("web1.yaml", "  type: qemu", "  state: any\n  type: qemu")
    guest.virsh("shutdown", "--mode", "acpi")
    wait_until(lambda: guest.virsh("domstate").strip() == "shut off", "it is off")

    held = guest.session.plan()["held"]
    guest.session.apply()

    assert [h["hold"] for h in held] == ["strayed"]
    assert "start the guest" in held[0]["release"]
    assert "data.qcow2" in guest.virsh("domblklist")
    guest.virsh("start")
    wait_for_agent(guest.session.lab, "web1")
    boot = guest.boot
    guest.session.converge()
    assert_moved(guest, boot, "more.qcow2")
