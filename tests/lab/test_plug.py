"""What this libvirt cannot plug into a running guest, or not into this one: it waits for the next start."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.guest import GuestFiles, wait_for_agent, wait_until
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.site import Site

NAME = "rigid1"
COLD: dict[str, Any] = {
    "disks": [{"name": "slow", "device": "cdrom", "file": "/usr/share/common-licenses/GPL-2", "bus": "sata"}],
    "filesystems": [{"name": "docs", "source": "/usr/share/doc", "target": "docs", "driver": "path"}],
    "sound": "ich9",
    "watchdog": {"model": "i6300esb"},
}
"""No hot bus, no directory that comes while it runs, no sound either, and no bus for a card of this kind."""
WAITS = ["devices/disk[slow]", "devices/filesystem[docs]", "devices/sound", "devices/watchdog"]


@pytest.fixture
def guest(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Guest:
    """A guest that runs a Linux; not made yet."""
    return Guest(Site(lab, tmp_path), NAME)


def test_what_cannot_be_plugged_waits_by_name_for_a_power_cycle(
    guest: Guest, guest_files: GuestFiles
) -> None:
    boot = {"kernel": str(guest_files.vmlinuz), "initrd": str(guest_files.initrd), "cmdline": "quiet"}
    spec: dict[str, Any] = {"type": "qemu", "memory": "128MiB", "boot": boot}
    document: dict[str, Any] = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": NAME}}
    site = guest.site
    site.write("rigid.yaml", yaml.safe_dump({**document, "spec": spec}))
    site.converge()
    wait_for_agent(site.lab, NAME)
    before = guest.boot
    site.write("rigid.yaml", yaml.safe_dump({**document, "spec": {**spec, **COLD}}))

    assert {(step["verb"], step["effect"]) for step in site.plan()["actions"]} == {("define", "next-boot")}
    site.converge()

    assert guest.boot == before
    waiting = [change["path"] for change in site.plan()["pending"][f"Domain/{NAME}"]]
    assert sorted(waiting) == WAITS

    guest.virsh("destroy")
    site.converge()
    wait_until(lambda: not site.drift(), "nothing is left to do")
    site.assert_in_sync()
