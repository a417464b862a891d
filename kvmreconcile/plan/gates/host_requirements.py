"""
Hold objects whose requirements the host does not meet: something is missing or conflicts with them.

Examples are a missing component, file or device. Checks that do not use libvirt may be wrong, so an
approval overrides them. Pure.
"""

from collections.abc import Iterator

from kvmreconcile.model import Hold, HoldReason, Key, World


def find_unready(world: World, *, approved: bool) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects whose requirements the host does not meet, each with its hold."""
    for key, obstacle in world.lacking.items():
        if obstacle.is_certain:
            yield key, HoldReason(Hold.HOST, obstacle.why, obstacle.todo)
        elif not approved:
            todo = f"{obstacle.todo}; or approve this plan to try it anyway"
            yield key, HoldReason(Hold.HOST, obstacle.why, todo)
