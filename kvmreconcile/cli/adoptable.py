"""Find the objects that `adopt` can adopt, and report why other objects cannot be adopted."""

from collections.abc import Mapping

from kvmreconcile.cli.terminal import report_problems, say
from kvmreconcile.errors import Problem
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Key, Unknown, World, domain_word


def find_unmanaged(world: World, kinds: Mapping[str, Kind]) -> frozenset[Key]:
    """
    Return the objects that no instance manages, and report what could not be observed.

    Objects of this instance are left out because they already have a spec. A generated spec would set
    more fields, and deleting the generated spec would remove these fields from the object.
    """
    report_problems(
        Problem(f"{unobservable.prefix}*", f"cannot be observed: {unobservable.why}")
        for unobservable in world.observed.unobservable
    )
    objects = world.observed.objects
    own = {k: o for k, o in objects.items() if not kinds[k.kind].foreign}
    free = {k for k, o in own.items() if not (isinstance(o, Actual) and _other_owner(o, world))}
    if ours := {k for k in free if _is_remembered(objects[k], world)}:
        them = "object is" if len(ours) == 1 else "objects are"
        say(
            f"{len(ours)} {them} already managed and skipped; to write a spec for a managed object, give its KIND/NAME"
        )
    if free <= ours:
        say("no unmanaged objects were found")
    return frozenset(free - ours)


def _is_remembered(actual: Actual | Unknown, world: World) -> bool:
    """
    Return whether this instance has applied a spec to this object.

    A spec that was applied to an earlier object with the same name does not count.
    """
    applied = world.applied.get(actual.key)
    if applied is None or applied.instance != world.instance:
        return False
    return isinstance(actual, Unknown) or applied.uuid in ("", actual.uuid)


def _other_owner(actual: Actual, world: World) -> str:
    """Return the name of another instance that manages the object, or "" if there is none."""
    stamp = actual.ownership_mark
    is_valid = stamp and stamp.uuid == actual.uuid and stamp.instance != world.instance
    return stamp.instance if stamp and is_valid else ""


def find_adoptable(keys: frozenset[Key], world: World) -> Mapping[Key, Actual]:
    """Return the objects that can be adopted, and report why the other objects cannot be adopted."""
    found: dict[Key, Actual] = {}
    for key in sorted(keys):
        actual = world.observed.objects.get(key)
        if not isinstance(actual, Actual):
            report_problems([Problem(str(key), actual.why if actual else _explain_absence(key, world))])
        elif not actual.persistent:
            report_problems([Problem(str(key), "it is transient", _make_persistent(actual, world))])
        elif other := _other_owner(actual, world):
            what = f'it is marked as managed by the instance "{other}"'
            todo = (
                'if that instance still exists, set prune to "never" there and delete the spec of the object; '
                'then remove the metadata "urn:kvmreconcile:1" from the object'
            )
            report_problems([Problem(str(key), what, todo)])
        else:
            found[key] = actual
    return found


def _explain_absence(key: Key, world: World) -> str:
    """Return why an object was not observed."""
    unobservable = world.observed.unobservable_part(key)
    return f"it cannot be observed: {unobservable.why}" if unobservable else "it does not exist on the host"


_PERSISTENT = {
    "Domain": "{virsh} dumpxml --security-info {name} | {virsh} define /dev/stdin",
    "Network": "{virsh} net-dumpxml {name} | {virsh} net-define /dev/stdin",
    "StoragePool": "{virsh} pool-dumpxml {name} | {virsh} pool-define /dev/stdin",
}
"""The commands that make a transient object of a kind persistent."""


def _make_persistent(actual: Actual, world: World) -> str:
    """Return advice on how to make an object persistent, with a command if its kind has one."""
    name = domain_word(actual.key.name, actual.uuid)
    command = world.commands.filled(_PERSISTENT.get(actual.key.kind, ""), name)
    return f"make it persistent first{': ' if command else ''}{command}"
