"""
Work out how each object stands from what a pass has seen and planned.

Separate from the rest of the snapshot. Each layer here overrides the ones before it, so that of two conditions an
object is in, the later one is shown.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

from kvmreconcile.errors import Problem
from kvmreconcile.events.attempts import Fate, Wait
from kvmreconcile.events.events import PassPlanned
from kvmreconcile.model import Desired, Hold, Key, World
from kvmreconcile.plan.gates.suspended import find_suspension
from kvmreconcile.render import release
from kvmreconcile.status.condition import Condition, ObjectStatus

Standings = dict[Key, ObjectStatus]


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by the calendar, and by the clock that passes wait by."""

    at: datetime
    clock_s: float

    def of(self, clock_s: float) -> datetime:
        """Return when that clock shows so much."""
        return self.at + timedelta(seconds=clock_s - self.clock_s)


def object_statuses(
    planned: PassPlanned, before: Mapping[Key, ObjectStatus], failures: Mapping[Key, str], now: Moment
) -> Standings:
    """
    Return how each object stands after a pass has planned, and while it does what it may.

    Of a thousand objects nearly all stand as they did before: those are handed on as they are.
    """
    found = {s.key: s for s in _in_sync(planned, before, now)}
    found |= {s.key: s for s in _unplanned(planned, found, now)}
    for layer in (_pending, _held):
        found |= {s.key: s for s in layer(planned, now)}
    found |= {s.key: s for s in _waiting(planned, failures, now)}
    found |= {s.key: s for s in _suspended(planned, found, now)}
    found |= {s.key: s for s in _changing(planned, now)}
    return {key: _completed(found[key], planned) for key in sorted(found, key=attrgetter("kind", "name"))}


def _completed(standing: ObjectStatus, planned: PassPlanned) -> ObjectStatus:
    """Add what is told of an object however it stands."""
    source = _source(standing.key, planned)
    paths = tuple(change.path for change in planned.plan.pending.get(standing.key, ()))
    is_told = (standing.pending, standing.source) == (paths, source)
    return standing if is_told else replace(standing, pending=paths, source=source)


def _source(key: Key, planned: PassPlanned) -> str:
    desired = planned.world.desired.get(key)
    return str(desired.source) if desired else ""


def _unplanned(planned: PassPlanned, in_sync: Collection[Key], now: Moment) -> Iterator[ObjectStatus]:
    """Yield what every other object with a spec is, unless the plan says anything of it."""
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
        # A record of the state that cannot be read is reported by the name of its object.
        problem = problems.get(str(key), _WRONG_SPEC)
        yield ObjectStatus(key, Condition.HELD, now.at, problem.what, problem.todo, hold=Hold.INCOMPLETE)


def _lacks_container(desired: Desired, world: World) -> bool:
    """Tell whether an object lies in another, as a volume in its pool, that does not exist."""
    seen = world.observed
    within = (m.name for m in desired.references if desired.key.name.startswith(f"{m.name.name}/"))
    return any(key not in seen.objects and seen.unobservable_part(key) is None for key in within)


_NO_CONTAINER = Problem("", "its storage pool does not exist", "it is compared when the pool exists")
_ELSEWHERE = Problem("", "errors in specs leave it out of the plan", "see the reported problems")
_WRONG_SPEC = Problem(
    "", "its spec has problems", "see the reported problems; until they are solved, the object is not changed"
)


def _in_sync(planned: PassPlanned, before: Mapping[Key, ObjectStatus], now: Moment) -> Iterator[ObjectStatus]:
    for key in planned.plan.in_sync:
        was = before.get(key)
        is_as_before = was is not None and was.condition is Condition.READY
        yield was if was and is_as_before else ObjectStatus(key, Condition.READY, now.at)


STORED = "stored; takes effect at the next start"


def _pending(planned: PassPlanned, now: Moment) -> Iterator[ObjectStatus]:
    for key in planned.plan.pending:
        yield ObjectStatus(key, Condition.PENDING, now.at, STORED)


_CONDITIONS = {Hold.UNKNOWN: Condition.UNKNOWN, Hold.SUSPENDED: Condition.SUSPENDED}
"""What being held for some reasons is called."""


def _held(planned: PassPlanned, now: Moment) -> Iterator[ObjectStatus]:
    verbs = _verbs((h.action.key, h.action.verb.name) for h in planned.plan.held)
    commands, digest = planned.world.commands, planned.plan.digest
    approve = commands.kvmreconcile("approve", digest) if digest else ""
    for held in reversed(planned.plan.held):  # what holds the first step is told
        key, condition = held.action.key, _CONDITIONS.get(held.hold, Condition.HELD)
        why = ": ".join(filter(None, (held.hold.value, held.detail)))
        way = release(held, approve)
        yield ObjectStatus(key, condition, now.at, why, way, held.until, held.hold, verbs[key])


def _waiting(planned: PassPlanned, failures: Mapping[Key, str], now: Moment) -> Iterator[ObjectStatus]:
    """Yield what of a plan is not done now: what has just failed, and what needs anything that is not done."""
    verbs = _verbs((a.key, a.verb.name) for a in planned.plan.actions)
    begun = {a.key for a in planned.allowed.actions}
    awaited: dict[Key, str] = {}
    for action in planned.plan.actions:
        if action.key not in begun and action.key not in planned.waits:
            firsts = (*action.needs, *action.after)
            first = next((str(n) for n in firsts if n in verbs and n not in begun), "")
            awaited[action.key] = awaited.get(action.key) or first
    for key, first in awaited.items():
        why = f"it waits for {first or 'an earlier pass to end'}"
        yield ObjectStatus(key, Condition.HELD, now.at, why, verbs=verbs[key])
    for key, wait in planned.waits.items():
        yield failed(key, wait, failures.get(key, ""), now, verbs.get(key, ()))


def failed(key: Key, wait: Wait, error: str, now: Moment, verbs: tuple[str, ...]) -> ObjectStatus:
    """Return how an object stands that is left alone for a while after it was tried."""
    why = (
        f"done {wait.done} times and needed again; another tool or the guest may revert it"
        if wait.fate is Fate.DONE
        else error
    )
    release = "it is retried automatically"
    return ObjectStatus(key, Condition.FAILED, now.at, why, release, now.of(wait.due_s), verbs=verbs)


def _suspended(planned: PassPlanned, found: Standings, now: Moment) -> Iterator[ObjectStatus]:
    world = planned.world
    named = {key for key in world.suspended if key is not None}
    for key in sorted({*found, *named}) if world.suspended else ():
        standing = found.get(key)
        if (stopped := find_suspension(key, world)) and not (
            standing and standing.condition is Condition.UNKNOWN
        ):
            verbs = standing.verbs if standing else ()
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


def _changing(planned: PassPlanned, now: Moment) -> Iterator[ObjectStatus]:
    begun = _verbs((a.key, a.verb.name) for a in planned.allowed.actions)
    for key in sorted(planned.busy - begun.keys()):
        yield ObjectStatus(key, Condition.CHANGING, now.at)
    for key, verbs in begun.items():
        yield ObjectStatus(key, Condition.CHANGING, now.at, verbs=verbs)


def _verbs(steps: Iterable[tuple[Key, str]]) -> dict[Key, tuple[str, ...]]:
    """Return what is to be done to each object, in order."""
    found: dict[Key, dict[str, None]] = {}
    for key, verb in steps:
        found.setdefault(key, {})[verb] = None
    return {key: tuple(verbs) for key, verbs in found.items()}
