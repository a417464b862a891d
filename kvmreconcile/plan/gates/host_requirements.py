"""
Hold objects for which the host is not ready: it lacks a component, file or device, or has something in the way.

What is found out outside libvirt may be wrong, so an approval has it tried. Pure.
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
