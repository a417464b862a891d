"""
Hold objects for which the host is not ready: a component, file or device is missing, or an existing one conflicts.

Checks made outside of libvirt may be wrong, so an approval overrides them. Pure.
"""

from collections.abc import Iterator

from kvmreconcile.model import Hold, HoldReason, Key, World


def find_unready(world: World, *, approved: bool) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects for which the host is not ready, and the hold of each."""
    for key, obstacle in world.lacking.items():
        if obstacle.is_certain:
            yield key, HoldReason(Hold.HOST, obstacle.why, obstacle.todo)
        elif not approved:
            todo = f"{obstacle.todo}; or approve this plan to try it anyway"
            yield key, HoldReason(Hold.HOST, obstacle.why, todo)
