"""
Decide whether an object is ours.

Changing an object that is not ours is the worst possible mistake, so all ownership checks are in
this module.
"""

from kvmreconcile.model import Action, Actual, Applied, Desired, Held, Hold, Key, Reason, World
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Effect


def is_ours(desired: Desired, actual: Actual, applied: Applied | None, world: World) -> bool:
    """
    Return whether an existing object is ours, so that it may be changed.

    A mark that contains the object's UUID decides: the object is ours if the mark names our
    instance. The mark may contain a former name of the object, unless a spec has that name. Without
    such a mark, the object is ours in each of these cases:

    * The state has a record of the object with its UUID.
    * The object has the UUID that we derive from its name.
    * The spec adopts the object.
    """
    mark = actual.ownership_mark
    is_named = mark and (mark.key == str(actual.key) or Key.read(mark.key) not in world.desired)
    if mark and mark.uuid == actual.uuid and is_named:
        return mark.instance == world.instance
    if applied and applied.instance == world.instance and applied.uuid in ("", actual.uuid):
        return True
    return _is_derived(desired, actual) or desired.policy.adopt


def _is_derived(desired: Desired, actual: Actual) -> bool:
    return desired.tree.get("uuid") is None and bool(actual.uuid) and actual.uuid == desired.creation.uuid


def has_our_mark(actual: Actual, world: World) -> bool:
    """Return whether an object has our mark, or the UUID that we derive from its name."""
    mark, desired = actual.ownership_mark, world.desired.get(actual.key)
    if mark and mark.uuid == actual.uuid:
        return mark.instance == world.instance
    return desired is not None and _is_derived(desired, actual)


def is_proved_ours(actual: Actual, applied: Applied, kind: Rulebook) -> bool:
    """
    Return whether both the inventory and the object itself show that the object is ours.

    An object that another tool recreated is not ours. An object without a spec is removed only if
    this check succeeds.
    """
    if applied.uuid != actual.uuid:
        return False
    if not kind.has_ownership_mark:
        return True
    mark = actual.ownership_mark
    return mark is not None and (mark.instance, mark.key, mark.uuid) == (
        applied.instance,
        str(actual.key),
        actual.uuid,
    )


def conflict(desired: Desired, actual: Actual, world: World) -> Held:
    """Return the hold of an object that exists and is not ours."""
    mark = actual.ownership_mark
    detail, release = (
        "nothing proves that this instance created or adopted it",
        f'set "adopt: true" in {desired.source}, or change "metadata.name" in the spec',
    )
    if mark and mark.instance != world.instance and mark.uuid == actual.uuid:
        detail = f'it is marked as managed by the instance "{mark.instance}"'
        release = (
            'change "metadata.name" in the spec; or, if that instance no longer manages it, '
            'remove its metadata "urn:kvmreconcile:1" and set "adopt: true" in the spec'
        )
    elif mark and mark.instance == world.instance and mark.uuid == actual.uuid:
        former = Key.read(mark.key)
        detail = f"it is marked as {former} of this instance"
        release = f'rename it back to "{former.name}", or set "adopt: true" in {desired.source}'
    return Held(placeholder(desired), Hold.CONFLICT, detail, release)


def placeholder(desired: Desired) -> Action:
    """Return an action that stands for the steps on an object when they cannot be planned."""
    return Action(desired.key, DEFINE, Effect.LIVE, Reason.NEW, policy=desired.policy)
