"""A guest runs, is paused or is off as its spec says, regardless of what changed its state."""

from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, ask_agent, run_in_guest, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.session import Session
from tests.waiting import wait_until

SPEC = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: web1}}
spec:
  state: running
  type: qemu
  title: One
  memory: 128MiB
  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
"""


@pytest.fixture
def guest(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Guest:
    """A guest whose spec says that it runs, not created yet."""
    session = Session(lab, tmp_path)
    session.write("web1.yaml", SPEC.format(files=guest_files))
    return Guest(session, "web1")


def state(guest: Guest) -> str:
    return guest.virsh("domstate").strip()


def up(guest: Guest) -> str:
    """Start the guest, and return its boot id."""
    guest.session.converge()
    wait_for_agent(guest.session.lab, guest.name)
    return guest.boot


def test_guest_is_paused_and_resumed_by_its_spec(guest: Guest) -> None:
    boot = up(guest)
    guest.session.edit("web1.yaml", "state: running", "state: paused")

    guest.session.converge()

    assert state(guest) == "paused"
    guest.session.assert_in_sync()
    guest.virsh("resume")
    assert guest.session.drift() == ["Domain/web1 suspend"]

    guest.session.edit("web1.yaml", "state: paused", "state: running")
    guest.session.converge()

    assert guest.boot == boot


def test_guest_created_paused_does_not_run_until_it_is_resumed(guest: Guest) -> None:
    guest.session.edit("web1.yaml", "state: running", "state: paused")
    guest.session.converge()
    assert state(guest) == "paused"
    guest.session.assert_in_sync()
    guest.session.edit("web1.yaml", "state: paused", "state: running")

    up(guest)


def test_guest_paused_by_an_operator_is_reported_as_drift_and_resumed(guest: Guest) -> None:
    boot = up(guest)
    guest.virsh("suspend")
    assert guest.session.drift() == ["Domain/web1 resume"]

    guest.session.converge()

    assert guest.boot == boot
    guest.session.assert_in_sync()


def test_guest_paused_by_an_io_error_is_reported_and_stays_paused_until_resumed(guest: Guest) -> None:
    session, place = guest.session, guest.session.lab.path / "images/small"
    session.lab.exec("mkdir", "-p", str(place))
    session.lab.exec("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place))
    session.lab.exec("truncate", "-s", "16M", str(place / "disk"))
    disk = f"  disks: [{{name: data, file: {place / 'disk'}, format: raw, cache: none}}]\n"
    session.edit("web1.yaml", "  title: One\n", f"  title: One\n{disk}")
    boot = up(guest)
    writing = ["-c", "dd if=/dev/zero of=/dev/vda bs=1M count=8; sync"]
    ask_agent(session.lab, "web1", "guest-exec", path="/bin/sh", arg=writing)
    wait_until(lambda: state(guest) == "paused", "the disk is full")
    session.edit("web1.yaml", "title: One", "title: Two")

    result = session.apply()

    assert result.exit_code == 3
    assert "paused by an I/O error" in result.output
    assert state(guest) == "paused"
    assert guest.virsh("desc", "--title").strip() == "Two"
    session.lab.exec("mount", "-o", "remount,size=64m", str(place))
    guest.virsh("resume")
    assert guest.boot == boot
    session.assert_in_sync()


def is_off(guest: Guest) -> bool:
    return state(guest) == "shut off"


def test_guest_that_shut_itself_down_stays_off_until_an_operator_starts_it(guest: Guest) -> None:
    session = guest.session
    session.edit("web1.yaml", "state: running", "state: running\n  onGuestStop: leave")
    up(guest)
    run_in_guest(session.lab, "web1", "poweroff -f")
    wait_until(lambda: is_off(guest), "it is off")
    session.edit("web1.yaml", "title: One", "title: Two")

    assert session.apply().exit_code == 3
    again = session.apply()

    assert is_off(guest)
    assert again.exit_code == 3
    assert "it was shut down by the guest or stopped by another tool" in again.output
    assert guest.virsh("desc", "--title").strip() == "Two"
    guest.virsh("start")
    wait_for_agent(session.lab, "web1")
    session.assert_in_sync()


def test_crashed_guest_is_started_again_even_if_stopped_guests_are_not(guest: Guest) -> None:
    session = guest.session
    session.edit("web1.yaml", "state: running", "state: running\n  onGuestStop: leave")
    boot = up(guest)
    session.lab.signal("KILL", "qemu-system", "$(cat /run/libvirt/qemu/web1.pid)")
    wait_until(lambda: is_off(guest), "it is off")

    assert up(guest) != boot

    session.assert_in_sync()
