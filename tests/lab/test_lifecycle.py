"""A guest runs, stands still or is off as its spec says, whoever brought it where it is."""

from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, ask_agent, tell_agent, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.site import Site
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
    """A guest whose spec says that it runs, not made yet."""
    site = Site(lab, tmp_path)
    site.write("web1.yaml", SPEC.format(files=guest_files))
    return Guest(site, "web1")


def state(guest: Guest) -> str:
    return guest.virsh("domstate").strip()


def up(guest: Guest) -> str:
    """Bring the guest up, and return the mark of its boot."""
    guest.site.converge()
    wait_for_agent(guest.site.lab, guest.name)
    return guest.boot


def test_guest_is_paused_and_resumed_by_its_spec(guest: Guest) -> None:
    boot = up(guest)
    guest.site.edit("web1.yaml", "state: running", "state: paused")

    guest.site.converge()

    assert state(guest) == "paused"
    guest.site.assert_in_sync()
    guest.virsh("resume")
    assert guest.site.drift() == ["Domain/web1 suspend"]

    guest.site.edit("web1.yaml", "state: paused", "state: running")
    guest.site.converge()

    assert guest.boot == boot


def test_guest_that_is_born_paused_has_not_run_until_it_is_resumed(guest: Guest) -> None:
    guest.site.edit("web1.yaml", "state: running", "state: paused")
    guest.site.converge()
    assert state(guest) == "paused"
    guest.site.assert_in_sync()
    guest.site.edit("web1.yaml", "state: paused", "state: running")

    up(guest)


def test_guest_that_an_operator_paused_is_drift_and_resumed(guest: Guest) -> None:
    boot = up(guest)
    guest.virsh("suspend")
    assert guest.site.drift() == ["Domain/web1 resume"]

    guest.site.converge()

    assert guest.boot == boot
    guest.site.assert_in_sync()


def test_guest_paused_by_an_io_error_is_told_and_left_until_somebody_resumes_it(guest: Guest) -> None:
    site, place = guest.site, guest.site.lab.path / "images/small"
    site.lab.exec("mkdir", "-p", str(place))
    site.lab.exec("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place))
    site.lab.exec("truncate", "-s", "16M", str(place / "disk"))
    disk = f"  disks: [{{name: data, file: {place / 'disk'}, format: raw, cache: none}}]\n"
    site.edit("web1.yaml", "  title: One\n", f"  title: One\n{disk}")
    boot = up(guest)
    writing = ["-c", "dd if=/dev/zero of=/dev/vda bs=1M count=8; sync"]
    ask_agent(site.lab, "web1", "guest-exec", path="/bin/sh", arg=writing)
    wait_until(lambda: state(guest) == "paused", "the disk is full")
    site.edit("web1.yaml", "title: One", "title: Two")

    result = site.apply()

    assert result.exit_code == 3
    assert "an I/O error paused it" in result.output
    assert state(guest) == "paused"
    assert guest.virsh("desc", "--title").strip() == "Two"
    site.lab.exec("mount", "-o", "remount,size=64m", str(place))
    guest.virsh("resume")
    assert guest.boot == boot
    site.assert_in_sync()


def is_off(guest: Guest) -> bool:
    return state(guest) == "shut off"


def test_guest_that_shut_itself_down_is_left_off_until_somebody_starts_it(guest: Guest) -> None:
    site = guest.site
    site.edit("web1.yaml", "state: running", "state: running\n  onGuestStop: leave")
    up(guest)
    tell_agent(site.lab, "web1", "poweroff -f")
    wait_until(lambda: is_off(guest), "it is off")
    site.edit("web1.yaml", "title: One", "title: Two")

    assert site.apply().exit_code == 3
    again = site.apply()

    assert is_off(guest)
    assert again.exit_code == 3
    assert "it was shut down by the guest or stopped by another tool" in again.output
    assert guest.virsh("desc", "--title").strip() == "Two"
    guest.virsh("start")
    wait_for_agent(site.lab, "web1")
    site.assert_in_sync()


def test_guest_that_crashed_is_started_again_even_where_a_stopped_one_is_left(guest: Guest) -> None:
    site = guest.site
    site.edit("web1.yaml", "state: running", "state: running\n  onGuestStop: leave")
    boot = up(guest)
    site.lab.signal("KILL", "qemu-system", "$(cat /run/libvirt/qemu/web1.pid)")
    wait_until(lambda: is_off(guest), "it is off")

    assert up(guest) != boot

    site.assert_in_sync()
