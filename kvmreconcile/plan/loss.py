"""
Tell a lost state from that of a new host, and hold what somebody may have suspended in it.

A state that was created from nothing is that of a new host if no object on it bears our mark. Otherwise another state
was lost, with all suspensions: nothing is done then but what leaves everything alone that may have been known to it.
Pure.
"""

from kvmreconcile.model import Hold, Key, World
from kvmreconcile.plan.needs import Needs, Rulebooks
from kvmreconcile.plan.suspended import Stop

ACCEPT = "kvmreconcile state accept"


def find_loss(world: World, kinds: Rulebooks) -> str:
    """Return why a state that was created from nothing is taken to have replaced a lost one; so far it never is."""
    return world.lost if kinds else ""


def lost(key: Key, world: World, kinds: Rulebooks, needs: Needs) -> Stop | None:
    """Return what keeps everything from being done to an object because the state was lost, None if nothing does."""
    if not world.lost or _is_new(key, world, kinds, needs):
        return None
    return Hold.LOST_STATE, "", f"look whether it was suspended, and accept the loss: {ACCEPT}", None


def _is_new(key: Key, world: World, kinds: Rulebooks, needs: Needs) -> bool:
    """
    Tell whether an object has no trace on the host, so that nobody can have suspended it.

    Of kinds that carry no mark, such as volumes, each existing object that it refers to may be a trace of it.
    """
    if key in world.applied:
        return True  # Made since.
    if key in world.observed.objects:
        return False
    traces = needs.direct[key] & world.observed.objects.keys() - world.applied.keys()
    return all(kinds[trace.kind].stamped for trace in traces if trace.kind in kinds)
