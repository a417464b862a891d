"""
Detect the loss of the state, and hold objects that may have been suspended in the lost state.

If the state is empty and no object on the host has our ownership mark, the host is new. Otherwise
an earlier state was lost, including its list of suspended objects. Then only objects that the lost
state cannot have contained are changed. Pure.
"""

from collections.abc import Iterator

from kvmreconcile.model import Actual, Hold, HoldReason, Key, Unknown, World
from kvmreconcile.plan.compare.ownership import has_our_mark
from kvmreconcile.plan.order.needs import Needs, Rulebooks

_NAMED = 3
"""Number of objects that a message lists."""


def find_loss(world: World, kinds: Rulebooks) -> str:
    """Return why an empty state is considered lost, or "" if the host is new."""
    objects, accept = world.observed.objects, world.commands.kvmreconcile("state", "accept")
    marked = [key for key, seen in sorted(objects.items()) if _is_marked(seen, world)]
    if marked:
        names = ", ".join(map(str, marked[:_NAMED])) + (", …" if len(marked) > _NAMED else "")
        is_one = len(marked) == 1
        bear, are = ("1 object has", "is") if is_one else (f"{len(marked)} objects have", "are")
        return (
            f'the state of instance "{world.instance}" seems to be lost: {bear} the mark or a derived UUID '
            f"of this instance ({names}) and {are} not in the state, so it is unknown which objects were "
            f"suspended; restore the state, set its directory with --state, or accept "
            f"the loss: {accept}"
        )
    why = next(_hidden(world, kinds), "")
    return why and (
        f'it is unknown whether the state of instance "{world.instance}" was lost: {why}; fix '
        f"the cause, or accept a possible loss: {accept}"
    )


def _is_marked(seen: Actual | Unknown, world: World) -> bool:
    """Return whether an object has our ownership mark but no record in the state."""
    is_known = seen.key in world.applied
    return isinstance(seen, Actual) and not is_known and has_our_mark(seen, world)


def _hidden(world: World, kinds: Rulebooks) -> Iterator[str]:
    """Yield the reasons why the ownership marks of some objects cannot be observed."""
    for key, seen in sorted(world.observed.objects.items()):
        if isinstance(seen, Unknown) and kinds[key.kind].has_ownership_mark:
            yield f"{key}: {seen.why}"
    for unobservable in world.observed.unobservable:
        kind = kinds.get(unobservable.prefix.partition("/")[0])
        if kind and kind.has_ownership_mark and not unobservable.unsupported:
            yield f"{unobservable.prefix}*: {unobservable.why}"


def find_state_loss_hold(key: Key, world: World, kinds: Rulebooks, needs: Needs) -> HoldReason | None:
    """Return the hold of an object that the lost state may have contained, or None."""
    if not world.lost or _is_new(key, world, kinds, needs):
        return None
    accept = world.commands.kvmreconcile("state", "accept")
    todo = f"suspend the object if it must not be changed, then accept the loss: {accept}"
    return HoldReason(Hold.LOST_STATE, "", todo)


def _is_new(key: Key, world: World, kinds: Rulebooks, needs: Needs) -> bool:
    """
    Return whether the lost state cannot have contained an object.

    An object that exists is a trace of itself. Existing volumes that the object refers to are
    traces as well: they may have been created for it, since volumes have no ownership mark.
    """
    if key in world.applied:
        return True  # Created after the loss.
    if key in world.observed.objects:
        return False
    traces = needs.direct[key] & world.observed.objects.keys() - world.applied.keys()
    return all(kinds[trace.kind].has_ownership_mark for trace in traces if trace.kind in kinds)
