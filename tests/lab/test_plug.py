"""Devices that this libvirt cannot hot-plug, or not into this guest, wait for the next start."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.session import Session
from tests.waiting import wait_until

NAME = "rigid1"
COLD: dict[str, Any] = {
    "disks": [{"name": "slow", "device": "cdrom", "file": "/usr/share/common-licenses/GPL-2", "bus": "sata"}],
    "filesystems": [{"name": "docs", "source": "/usr/share/doc", "target": "docs", "driver": "path"}],
    "sound": "ich9",
    "watchdog": {"model": "i6300esb"},
    "interfaces": [{"name": "lan", "user": True, "model": "e1000e"}],
}
"""
No bus with hot-plug, no directory and no sound device at runtime, no bus for a card of this kind, and no
replacement of a card unless the guest may be without it for a moment.
"""
WAITS = [
    "devices/disk[slow]",
    "devices/filesystem[docs]",
    "devices/interface[lan]/model/@type",
    "devices/sound",
    "devices/watchdog[i6300esb]",
]


class EditedGuest:
    """A guest whose spec is edited while it runs."""

    def __init__(self, guest: Guest, files: GuestFiles) -> None:
        self.guest = guest
        self.session = guest.session
        boot = {"kernel": str(files.vmlinuz), "initrd": str(files.initrd), "cmdline": "quiet"}
        self.spec: dict[str, Any] = {"type": "qemu", "memory": "128MiB", "boot": boot}

    def write_spec(self, **fields: object) -> None:
        """Write the fields into its spec."""
        self.spec.update(fields)
        document = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": NAME}}
        self.session.write("rigid.yaml", yaml.safe_dump({**document, "spec": self.spec}))

    def start(self, **fields: object) -> None:
        """Start it."""
        self.write_spec(**fields)
        self.session.converge()
        wait_for_agent(self.session.lab, NAME)

    def assert_pending(self, *paths: str) -> None:
        """Apply, and fail unless exactly these paths are pending until a power cycle."""
        boot = self.guest.boot
        plan = self.session.plan()
        assert {(step["verb"], step["effect"]) for step in plan["actions"]} == {("define", "next-boot")}
        self.session.converge()

        assert self.guest.boot == boot
        waiting = self.session.plan()["pending"][f"Domain/{NAME}"]
        assert sorted(change["path"] for change in waiting) == sorted(paths)

        self.guest.virsh("destroy")
        self.session.converge()
        wait_until(lambda: not self.session.drift(), "nothing is left to do")
        self.session.assert_in_sync()


@pytest.fixture
def edited(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> EditedGuest:
    """A guest that runs a Linux, not created yet."""
    return EditedGuest(Guest(Session(lab, tmp_path), NAME), guest_files)


def test_device_that_cannot_be_hot_plugged_is_pending_until_a_power_cycle(edited: EditedGuest) -> None:
    edited.start(interfaces=[{"name": "lan", "user": True}])
    edited.write_spec(**COLD)

    edited.assert_pending(*WAITS)


def test_device_without_a_free_port_is_pending_until_a_power_cycle(edited: EditedGuest) -> None:
    edited.start(hotplug={"slots": 0}, rng=False)
    # libvirt itself leaves one port free.
    edited.write_spec(rng=True)
    edited.session.converge()
    edited.session.assert_in_sync()
    edited.write_spec(controllers=[{"type": "scsi", "index": 0, "model": "virtio-scsi"}])

    edited.assert_pending("devices/controller[scsi:0]")
