"""
Decide whether an object is ours.

Acting on an object that is not ours is the worst possible mistake, so every proof of ownership is in this module.
"""

from kvmreconcile.model import Action, Actual, Applied, Desired, Held, Hold, Key, Reason, World
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Effect


def is_ours(desired: Desired, actual: Actual, applied: Applied | None, world: World) -> bool:
    """
    Return whether an existing object may be acted on.

    It is ours if the state has it with its UUID, if it has our mark with its UUID, if it has the UUID that only we
    derive from its name, or if its spec adopts it and no other instance has marked it. The mark may contain its former
    name, unless there is a spec for an object of that name.
    """
    stamp = actual.stamp
    is_named = stamp and (stamp.key == str(actual.key) or Key.read(stamp.key) not in world.desired)
    if stamp and stamp.uuid == actual.uuid and is_named:
        return stamp.instance == world.instance
    if applied and applied.instance == world.instance and applied.uuid in ("", actual.uuid):
        return True
    return _is_derived(desired, actual) or desired.policy.adopt


def _is_derived(desired: Desired, actual: Actual) -> bool:
    return desired.tree.get("uuid") is None and bool(actual.uuid) and actual.uuid == desired.creation.uuid


def bears_our_mark(actual: Actual, world: World) -> bool:
    """Return whether an object has our mark, or a UUID that only this instance derives."""
    stamp, desired = actual.stamp, world.desired.get(actual.key)
    if stamp and stamp.uuid == actual.uuid:
        return stamp.instance == world.instance
    return desired is not None and _is_derived(desired, actual)


def is_proved_ours(actual: Actual, applied: Applied, kind: Rulebook) -> bool:
    """
    Return whether both the inventory and the object show that it is ours; one that another tool recreated is not.

    An object without a spec is removed on this proof only.
    """
    if applied.uuid != actual.uuid:
        return False
    if not kind.stamped:
        return True
    stamp = actual.stamp
    return stamp is not None and (stamp.instance, stamp.key, stamp.uuid) == (
        applied.instance,
        str(actual.key),
        actual.uuid,
    )


def conflict(desired: Desired, actual: Actual, world: World) -> Held:
    """Return the hold of an object that exists and is not ours."""
    stamp = actual.stamp
    detail, release = (
        "nothing proves that this instance created or adopted it",
        f'set "adopt: true" in {desired.source}, or change "metadata.name" in the spec',
    )
    if stamp and stamp.instance != world.instance and stamp.uuid == actual.uuid:
        detail = f'it bears the mark of the instance "{stamp.instance}"'
        release = (
            'change "metadata.name" in the spec; or, if that instance no longer manages it, '
            'remove its metadata "urn:kvmreconcile:1" and set "adopt: true" in the spec'
        )
    elif stamp and stamp.instance == world.instance and stamp.uuid == actual.uuid:
        former = Key.read(stamp.key)
        detail = f"it bears the mark of {former} of this instance"
        release = f'rename it back to "{former.name}", or set "adopt: true" in {desired.source}'
    return Held(placeholder(desired), Hold.CONFLICT, detail, release)


def placeholder(desired: Desired) -> Action:
    """Return an action in place of those on an object of which too little is known to plan them."""
    return Action(desired.key, DEFINE, Effect.LIVE, Reason.NEW, policy=desired.policy)
