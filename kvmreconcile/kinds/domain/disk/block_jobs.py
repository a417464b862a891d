"""Find block jobs in a running definition. Pure."""

from kvmreconcile.tree import parse


def block_jobs(live: str | None) -> str:
    """Return the block jobs of a domain that a change would disturb, "" if there are none."""
    if live is None or "<mirror" not in live:
        return ""
    disks = [disk for disk in parse(live).all("devices/disk") if disk.child("mirror")]
    return ", ".join(f"a block job runs on {disk.get('target/@dev')}" for disk in disks)
