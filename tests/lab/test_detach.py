"""Hot-unplug of a device that the guest releases at once, or never."""

import re
from pathlib import Path
from typing import Any

import libvirt
import pytest
import yaml

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.session import Session
from tests.waiting import wait_until

NAME = "keeper1"
MODULE = {"name": "more", "model": "dimm", "size": "128MiB", "node": 0}
POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: images}}
spec: {{path: {path}}}
---
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: data}}
spec: {{pool: images, capacity: 1MiB, format: qcow2}}
"""
OTHER = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: other1}
spec: {type: qemu, state: stopped, memory: 96MiB}
"""
DISK = {"name": "data", "volume": {"pool": "images", "name": "data"}}
KEPT = f"Domain/{NAME}: devices/"


class DetachingGuest:
    """A guest that is to release a device, with another object beside it."""

    def __init__(self, lab: Lab, directory: Path, boot: object) -> None:
        self.session = Session(lab, directory)
        self.guest = Guest(self.session, NAME)
        self.spec: dict[str, Any] = {
            "type": "qemu",
            "memory": {"size": "256MiB", "maximum": "1GiB"},
            "boot": boot,
        }
        self.session.write("images.yaml", POOL.format(path=lab.path / "images/pool"))

    def write_spec(self, **fields: object) -> None:
        """Write the fields into its spec."""
        self.spec.update(fields)
        document = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": NAME}}
        self.session.write("keeper.yaml", yaml.safe_dump({**document, "spec": self.spec}))

    def run(self) -> str:
        """Return the id of its run, which changes at each start."""
        return self.guest.virsh("domid").strip()

    def assert_it_keeps(self, device: str, why: str) -> None:
        """Apply, and fail unless that fails with this reason, the guest is unchanged and the other object is created."""
        run = self.run()
        self.session.write("other.yaml", OTHER)

        report = self.session.apply()

        assert report.exit_code == 1, report.output
        said = " ".join(report.output.split())
        assert re.search(f"{re.escape(f'{KEPT}{device}')}: the guest {why}", said)
        assert "release the device inside the guest" in said
        assert self.run() == run
        assert "other1" in self.session.lab.virsh("list", "--all", "--name").split()
        assert self.session.drift()[:2] == [f"Domain/{NAME} detach", f"Domain/{NAME} - devices/{device}"]

    def assert_it_is_over_after_a_power_cycle(self) -> None:
        """Power-cycle the guest, and fail unless the device is gone."""
        self.guest.virsh("destroy")
        self.session.converge()
        wait_until(lambda: not self.session.drift(), "nothing is left to do")
        self.session.assert_in_sync()


def online(guest: Guest) -> int:
    """Return how many blocks of memory a guest uses."""
    return int(guest.sh("grep -l online /sys/devices/system/memory/memory*/state | wc -l"))


def fill_with_unmovable_pages(guest: Guest) -> None:
    """Fill the memory that the guest received last with unmovable pages, so that it cannot release it.

    Linux takes pages from the highest zone first, which is where a module's are, and cannot move those of a ramfs.
    """
    guest.sh(
        "mkdir /unmovable && mount -t ramfs none /unmovable && dd if=/dev/zero of=/unmovable/pages bs=1M count=48"
    )
    assert guest.sh("wc -c < /unmovable/pages") == str(48 << 20)


def boots(files: GuestFiles) -> dict[str, str]:
    return {"kernel": str(files.vmlinuz), "initrd": str(files.initrd), "cmdline": "console=ttyS0 quiet"}


@pytest.fixture
def linux_guest(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> DetachingGuest:
    """A guest that runs a Linux, not created yet."""
    return DetachingGuest(lab, tmp_path, boots(guest_files))


@pytest.fixture
def silent(lab: Lab, tmp_path: Path) -> DetachingGuest:
    """A guest that boots nothing and so never answers, not created yet."""
    return DetachingGuest(lab, tmp_path, {"order": ["hd"]})


def test_guest_that_refuses_a_detach_is_reported_and_not_changed(linux_guest: DetachingGuest) -> None:
    linux_guest.write_spec(memoryDevices=[])
    linux_guest.session.converge()
    wait_for_agent(linux_guest.session.lab, NAME)
    before = online(linux_guest.guest)
    linux_guest.write_spec(memoryDevices=[MODULE])
    linux_guest.session.converge()
    wait_until(lambda: online(linux_guest.guest) == before + 1, "the guest has the module online")
    fill_with_unmovable_pages(linux_guest.guest)
    linux_guest.write_spec(memoryDevices=[])

    linux_guest.assert_it_keeps("memory[more]", "(or libvirt )?refused to release the device")

    linux_guest.assert_it_is_over_after_a_power_cycle()


def test_guest_that_does_not_respond_to_a_detach_is_reported_in_time_and_not_changed(
    silent: DetachingGuest,
) -> None:
    silent.write_spec(disks=[DISK])
    silent.session.converge()
    silent.write_spec(disks=[])

    silent.assert_it_keeps("disk[data]", "did not release the device within 30 s")

    silent.assert_it_is_over_after_a_power_cycle()


def test_detached_device_is_noticed_without_an_event(
    linux_guest: DetachingGuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    linux_guest.write_spec(disks=[DISK])
    linux_guest.session.converge()
    wait_for_agent(linux_guest.session.lab, NAME)
    linux_guest.write_spec(disks=[])
    monkeypatch.setattr(libvirt.virConnect, "domainEventRegisterAny", lambda *_: 0)
    monkeypatch.setattr(libvirt.virConnect, "domainEventDeregisterAny", lambda *_: 0)

    linux_guest.session.converge()

    linux_guest.session.assert_in_sync()
