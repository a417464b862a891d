"""Faults of disks and files: a pool that is not mounted, volumes that are gone or damaged."""

from random import Random

from tests.chaos.arena import BASE, SCRATCH, Arena
from tests.chaos.ends import Held, Row

VOLUMES = frozenset(
    f"Volume/demo/{name}" for name in (BASE, SCRATCH, "web1.qcow2", "web2.qcow2", "db1.qcow2")
)
OTHERS = frozenset({"missing", "broken", "order", "group", "unknown"})
"""The holds of objects that need a missing volume."""


def unmount(arena: Arena, _chance: Random) -> str | None:
    """Unmount the pool's disk, as on a host that booted without it."""
    if not arena.unmount():
        return None
    arena.run_virsh("pool-refresh", "demo")
    return "not mounted"


def remount(arena: Arena) -> None:
    """Mount it again; nothing may have been created in its place."""
    below = arena.below()
    assert not below, f"made on the file system below the pool's disk: {below}"
    arena.mount()
    arena.run_virsh("pool-refresh", "demo")


def move_base(arena: Arena, _chance: Random) -> str | None:
    """Move away the backing volume of others."""
    base = arena.disk_files / BASE
    if not base.exists():
        return None
    base.rename(arena.disk_files.parent / BASE)
    arena.run_virsh("pool-refresh", "demo")
    return BASE


def move_base_back(arena: Arena) -> None:
    """Move it back."""
    away = arena.disk_files.parent / BASE
    if away.exists():
        away.rename(arena.disk_files / BASE)
    arena.run_virsh("pool-refresh", "demo")


def truncate(arena: Arena, chance: Random) -> str | None:
    """Truncate an unused volume in the middle of its format's magic number."""
    file, size = arena.disk_files / SCRATCH, chance.randrange(4)
    if not file.exists() or file.stat().st_size <= 4:
        return None
    arena.remember(file)
    with file.open("r+b") as handle:
        handle.truncate(size)
    arena.run_virsh("pool-refresh", "demo")
    return f"{SCRATCH} after {size} bytes"


def make_whole(arena: Arena) -> None:
    """Restore its content."""
    arena.restore(arena.disk_files / SCRATCH)
    arena.run_virsh("pool-refresh", "demo")


DAMAGED = frozenset({"effect", "missing", "content", "conflict"})
"""The holds: recreating it would lose data; and a state that was lost as well does not show which instance manages it."""

ROWS = (
    Row(
        truncate,
        1,
        Held(frozenset({f"Volume/demo/{SCRATCH}"}), DAMAGED),
        make_whole,
    ),
    Row(
        move_base,
        1,
        Held(frozenset({f"Volume/demo/{BASE}"}), frozenset({"missing"}), OTHERS),
        move_base_back,
    ),
    # Last, because the others find nothing to do without the disk.
    Row(unmount, 1, Held(VOLUMES, frozenset({"missing"}), OTHERS), remount),
)
