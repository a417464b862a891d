"""
Compute the condition of each object from what a pass observed and planned.

Conditions are computed in layers. If several conditions apply to an object, the condition of the last layer is used.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

from kvmreconcile.errors import Problem
from kvmreconcile.events.attempts import AttemptResult, Wait
from kvmreconcile.events.events import PassPlanned
from kvmreconcile.model import Desired, Hold, Key, World
from kvmreconcile.plan.gates.suspended import find_suspension
from kvmreconcile.render import release
from kvmreconcile.status.condition import Condition, ObjectStatus

ObjectStatuses = dict[Key, ObjectStatus]


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment, as the time of the wall clock and as the time of the monotonic clock of passes."""

    at: datetime
    clock_s: float

    def to_datetime(self, clock_s: float) -> datetime:
        """Convert a time of the monotonic clock to a time of the wall clock."""
        return self.at + timedelta(seconds=clock_s - self.clock_s)


def object_statuses(
    planned: PassPlanned, before: Mapping[Key, ObjectStatus], failures: Mapping[Key, str], now: Moment
) -> ObjectStatuses:
    """
    Return the status of each object after a pass has planned, and while the pass executes its plan.

    Unchanged values are reused, because usually nearly all objects are unchanged.

    Args:
        planned: The result of planning.
        before: The previous status of each object.
        failures: The errors of objects that wait for a retry.
        now: The current time.
    """
    found = {s.key: s for s in _list_in_sync(planned, before, now)}
    found |= {s.key: s for s in _list_unplanned(planned, found, now)}
    for layer in (_list_pending, _list_held):
        found |= {s.key: s for s in layer(planned, now)}
    found |= {s.key: s for s in _list_waiting(planned, failures, now)}
    found |= {s.key: s for s in _list_suspended(planned, found, now)}
    found |= {s.key: s for s in _list_changing(planned, now)}
    return {key: _add_details(found[key], planned) for key in sorted(found, key=attrgetter("kind", "name"))}


def _add_details(object_status: ObjectStatus, planned: PassPlanned) -> ObjectStatus:
    """Add the details that are reported in every condition."""
    source = _source_of(object_status.key, planned)
    paths = tuple(change.path for change in planned.plan.pending.get(object_status.key, ()))
    owner = planned.world.owners.get(object_status.key)
    is_complete = (object_status.pending, object_status.source, object_status.owner) == (paths, source, owner)
    return object_status if is_complete else replace(object_status, pending=paths, source=source, owner=owner)


def _source_of(key: Key, planned: PassPlanned) -> str:
    desired = planned.world.desired.get(key)
    return str(desired.source) if desired else ""


def _list_unplanned(planned: PassPlanned, in_sync: Collection[Key], now: Moment) -> Iterator[ObjectStatus]:
    """
    Yield the status of objects that have a spec and are not in sync.

    For objects in the plan, later layers override this status.
    """
    problems = {problem.where: problem for problem in planned.plan.problems}
    for key, desired in planned.world.desired.items():
        if key in in_sync:
            continue
        if hidden := planned.world.observed.unobservable_part(key):
            yield ObjectStatus(key, Condition.UNKNOWN, now.at, hidden.why)
        else:
            places = (
                desired.source,
                *(each.source for each in desired.references),
                *(source for _, source in desired.places),
            )
            other = _NO_CONTAINER if _lacks_container(desired, planned.world) else _ELSEWHERE
            problem = next((problems[place] for place in map(str, places) if place in problems), other)
            yield ObjectStatus(key, Condition.HELD, now.at, problem.what, problem.todo, hold=Hold.BROKEN)
    for key in planned.world.frozen:
        # A record of the state database that cannot be read is reported under the key of its object.
        problem = problems.get(str(key), _WRONG_SPEC)
        yield ObjectStatus(key, Condition.HELD, now.at, problem.what, problem.todo, hold=Hold.INCOMPLETE)


def _lacks_container(desired: Desired, world: World) -> bool:
    """Return whether the container of an object, such as the pool of a volume, does not exist."""
    seen = world.observed
    within = (m.name for m in desired.references if desired.key.name.startswith(f"{m.name.name}/"))
    return any(key not in seen.objects and seen.unobservable_part(key) is None for key in within)


_NO_CONTAINER = Problem("", "its storage pool does not exist", "the object is compared once the pool exists")
_ELSEWHERE = Problem(
    "", "the object is not in the plan because of errors in specs", "see the reported problems"
)
_WRONG_SPEC = Problem(
    "", "its spec has problems", "see the reported problems; the object is not changed until they are fixed"
)


def _list_in_sync(
    planned: PassPlanned, before: Mapping[Key, ObjectStatus], now: Moment
) -> Iterator[ObjectStatus]:
    for key in planned.plan.in_sync:
        was = before.get(key)
        is_as_before = was is not None and was.condition is Condition.READY
        yield was if was and is_as_before else ObjectStatus(key, Condition.READY, now.at)


STORED = "stored; takes effect at the next start"


def _list_pending(planned: PassPlanned, now: Moment) -> Iterator[ObjectStatus]:
    for key in planned.plan.pending:
        yield ObjectStatus(key, Condition.PENDING, now.at, STORED)


_CONDITIONS = {Hold.UNKNOWN: Condition.UNKNOWN, Hold.SUSPENDED: Condition.SUSPENDED}
"""Holds whose condition is not `Condition.HELD`, with the condition that is used instead."""


def _list_held(planned: PassPlanned, now: Moment) -> Iterator[ObjectStatus]:
    verbs = _group_verbs((h.action.key, h.action.verb.name) for h in planned.plan.held)
    commands, digest = planned.world.commands, planned.plan.digest
    approve = commands.kvmreconcile("approve", digest) if digest else ""
    for held in reversed(planned.plan.held):  # the hold of the first step is reported
        key, condition = held.action.key, _CONDITIONS.get(held.hold, Condition.HELD)
        why = ": ".join(filter(None, (held.hold.value, held.detail)))
        remedy = release(held, approve)
        yield ObjectStatus(key, condition, now.at, why, remedy, held.until, held.hold, verbs[key])


def _list_waiting(planned: PassPlanned, failures: Mapping[Key, str], now: Moment) -> Iterator[ObjectStatus]:
    """Yield the status of objects in the plan that are not changed now, but wait for a retry or another object."""
    verbs = _group_verbs((a.key, a.verb.name) for a in planned.plan.actions)
    begun = {a.key for a in planned.allowed.actions}
    awaited: dict[Key, str] = {}
    for action in planned.plan.actions:
        if action.key not in begun and action.key not in planned.waits:
            firsts = (*action.needs, *action.after)
            first = next((str(n) for n in firsts if n in verbs and n not in begun), "")
            awaited[action.key] = awaited.get(action.key) or first
    for key, first in awaited.items():
        why = f"waiting for {first or 'an earlier pass to end'}"
        yield ObjectStatus(key, Condition.HELD, now.at, why, verbs=verbs[key])
    for key, wait in planned.waits.items():
        yield failed_status(key, wait, failures.get(key, ""), now, verbs.get(key, ()))


def failed_status(key: Key, wait: Wait, error: str, now: Moment, verbs: tuple[str, ...]) -> ObjectStatus:
    """Return the status of an object that waits for a retry."""
    why = (
        f"changed {wait.successes} times, but the change is needed again; another tool or the guest may revert it"
        if wait.attempt_result is AttemptResult.DONE
        else error
    )
    release = "the change is retried automatically"
    return ObjectStatus(key, Condition.FAILED, now.at, why, release, now.to_datetime(wait.due_s), verbs=verbs)


def _list_suspended(planned: PassPlanned, found: ObjectStatuses, now: Moment) -> Iterator[ObjectStatus]:
    world = planned.world
    named = {key for key in world.suspended if key is not None}
    for key in sorted({*found, *named}) if world.suspended else ():
        object_status = found.get(key)
        if (stopped := find_suspension(key, world)) and not (
            object_status and object_status.condition is Condition.UNKNOWN
        ):
            verbs = object_status.verbs if object_status else ()
            yield ObjectStatus(
                key,
                Condition.SUSPENDED,
                now.at,
                stopped.detail,
                stopped.release,
                stopped.until,
                Hold.SUSPENDED,
                verbs,
            )


def _list_changing(planned: PassPlanned, now: Moment) -> Iterator[ObjectStatus]:
    begun = _group_verbs((a.key, a.verb.name) for a in planned.allowed.actions)
    for key in sorted(planned.busy - begun.keys()):
        yield ObjectStatus(key, Condition.CHANGING, now.at)
    for key, verbs in begun.items():
        yield ObjectStatus(key, Condition.CHANGING, now.at, verbs=verbs)


def _group_verbs(steps: Iterable[tuple[Key, str]]) -> dict[Key, tuple[str, ...]]:
    """Return the verbs of each object's steps, in the order of the steps and without duplicates."""
    found: dict[Key, dict[str, None]] = {}
    for key, verb in steps:
        found.setdefault(key, {})[verb] = None
    return {key: tuple(verbs) for key, verbs in found.items()}
