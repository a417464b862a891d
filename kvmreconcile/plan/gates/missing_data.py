"""
Hold the start of objects with missing data, and report active objects with missing data.

Data that is not known to exist counts as missing. A guest that starts without one of its disks, or
with a wrong disk, can cause damage that goes unnoticed. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key, Unknown
from kvmreconcile.model.verbs import START
from kvmreconcile.plan.compare.ownership import placeholder
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.groups import following_steps
from kvmreconcile.plan.order.needs import Needs, Rulebooks
from kvmreconcile.plan.order.users import DataNames
from kvmreconcile.tree import Effect

_PUT_BACK = "restore {target}; or, if a spec defines it, fix the reason why it is not created"
_LATER = "wait until {target} is known to exist"


def hold_without_data(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """Hold steps that would start objects with missing data, and all later steps on these."""
    data = _find_unproved(actions, context)
    held: list[Held] = []
    stopped: set[int] = set()
    for action in actions:
        why = data.why(action.key, context.needs) if _starts(action, context.kinds) else None
        if why and id(action) not in stopped:
            waits = following_steps(action, actions)
            stopped |= {id(a) for a in waits}
            held += [why.on(a) for a in waits]
    return [a for a in actions if id(a) not in stopped], held


def report_missing_data(actions: Sequence[Action], context: PlanContext) -> Iterator[Held]:
    """Yield a report for each active object whose data is gone, such as a guest with autostart."""
    data, world = _find_unproved(actions, context), context.world
    for key in sorted(data.needed.keys() & world.desired.keys()):
        actual, gone = world.observed.actual(key), sorted(data.needed[key] & data.gone)
        if gone and actual and actual.active:
            detail = f"it is active, and {gone[0]} does not exist"
            release = _PUT_BACK.format(target=gone[0])
            yield Held(placeholder(world.desired[key]), Hold.MISSING, detail, release)


@dataclass(slots=True)
class _Unproved:
    """
    Objects with data that are not known to exist, and the objects that need them.

    Attributes:
        gone: Data that does not exist and that the plan does not create.
        unobservable: By data that cannot be observed, the reason.
        coming: By data that exists or becomes observable during this plan, the object whose steps
            create or reveal the data.
        needed: By object, the data that it needs, directly or through other data.
    """

    gone: set[Key] = field(default_factory=set)
    unobservable: dict[Key, str] = field(default_factory=dict)
    coming: dict[Key, Key] = field(default_factory=dict)
    needed: Mapping[Key, set[Key]] = field(default_factory=dict)

    def why(self, key: Key, needs: Needs) -> HoldReason | None:
        """Return the hold of an object's start, with the worst reason; None if it may start."""
        wanted = sorted(self.needed.get(key, ()))
        for target in wanted:
            if target in self.gone:
                return HoldReason(Hold.MISSING, f"{target} does not exist", _PUT_BACK.format(target=target))
        for target in wanted:
            if target in self.unobservable:
                why = f"{target} cannot be observed: {self.unobservable[target]}"
                return HoldReason(Hold.UNKNOWN, why, _LATER.format(target=target))
        for target in wanted:
            first = self.coming.get(target)
            # An object that refers to the data by key comes later anyway, unlike one that names a path.
            if first and not needs.among(key, {first}):
                how = "is created" if first == target else f"can be observed only after the steps on {first}"
                return HoldReason(Hold.BROKEN, f"{target} {how} in this pass", _LATER.format(target=target))
        return None


def _starts(action: Action, kinds: Rulebooks) -> bool:
    """Return whether a step starts or restarts an object."""
    return action.verb.activates or (kinds[action.key.kind].has_lifecycle and action.effect >= Effect.RESTART)


def _find_unproved(actions: Sequence[Action], context: PlanContext) -> _Unproved:
    """Find data that is missing, unobservable or created by this plan, and its users."""
    world, needs = context.world, context.needs
    planned = {a.key for a in actions}
    started = {a.key for a in actions if a.verb == START}
    data = _Unproved()
    for key in _data(context):
        seen, hidden = world.observed.objects.get(key), world.observed.unobservable_part(key)
        made = (n for n in needs.direct.get(key, ()) if n in planned and not world.observed.actual(n))
        first = hidden.until if hidden and hidden.until in started else next(made, None)
        if isinstance(seen, Unknown):
            data.unobservable[key] = seen.why
        elif key in planned or first:
            data.coming[key] = first or key
        elif hidden:
            data.unobservable[key] = hidden.why
        else:
            data.gone.add(key)
    data.needed = _needed({*data.gone, *data.unobservable, *data.coming}, actions, context)
    return data


def _data(context: PlanContext) -> Iterator[Key]:
    """Yield the objects with data that are named by specs and were not observed."""
    named = {*context.world.desired, *(n for wants in context.needs.direct.values() for n in wants)}
    for key in named:
        if (
            key.kind in context.kinds
            and context.kinds[key.kind].data
            and not context.world.observed.actual(key)
        ):
            yield key


def _needed(missing: set[Key], actions: Sequence[Action], context: PlanContext) -> dict[Key, set[Key]]:
    """
    Return, by object, the objects in `missing` that it needs after the plan's steps.

    The object may need them directly or through other data, such as an image and its backing file.
    """
    needed = {key: {key} for key in missing}
    level = missing
    while level:
        names = DataNames(context.world, context.kinds, context.cache)
        names.add(level)
        changed: set[Key] = set()
        for target, using in names.users_after(actions).items():
            changed |= {user for user in using if not needed[target] <= needed.get(user, set())}
            needed |= {user: needed.get(user, set()) | needed[target] for user in using}
        level = {key for key in changed if key.kind in context.kinds and context.kinds[key.kind].data}
    return needed
