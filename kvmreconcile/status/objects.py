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
from kvmreconcile.events.events import Looked
from kvmreconcile.model import Desired, Hold, Key, World
from kvmreconcile.plan.gates.suspended import stop
from kvmreconcile.render import release
from kvmreconcile.status.condition import Condition, Standing

Standings = dict[Key, Standing]


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by the calendar, and by the clock that passes wait by."""

    at: datetime
    clock_s: float

    def of(self, clock_s: float) -> datetime:
        """Return when that clock shows so much."""
        return self.at + timedelta(seconds=clock_s - self.clock_s)


def standings(
    looked: Looked, before: Mapping[Key, Standing], failures: Mapping[Key, str], now: Moment
) -> Standings:
    """
    Return how each object stands after a pass has planned, and while it does what it may.

    Of a thousand objects nearly all stand as they did before: those are handed on as they are.
    """
    found = {s.key: s for s in _in_sync(looked, before, now)}
    found |= {s.key: s for s in _unplanned(looked, found, now)}
    for layer in (_pending, _held):
        found |= {s.key: s for s in layer(looked, now)}
    found |= {s.key: s for s in _waiting(looked, failures, now)}
    found |= {s.key: s for s in _suspended(looked, found, now)}
    found |= {s.key: s for s in _changing(looked, now)}
    return {key: _completed(found[key], looked) for key in sorted(found, key=attrgetter("kind", "name"))}


def _completed(standing: Standing, looked: Looked) -> Standing:
    """Add what is told of an object however it stands."""
    source = _source(standing.key, looked)
    paths = tuple(change.path for change in looked.plan.pending.get(standing.key, ()))
    is_told = (standing.pending, standing.source) == (paths, source)
    return standing if is_told else replace(standing, pending=paths, source=source)


def _source(key: Key, looked: Looked) -> str:
    desired = looked.world.desired.get(key)
    return str(desired.source) if desired else ""


def _unplanned(looked: Looked, in_sync: Collection[Key], now: Moment) -> Iterator[Standing]:
    """Yield what every other object with a spec is, unless the plan says anything of it."""
    problems = {problem.where: problem for problem in looked.plan.problems}
    for key, desired in looked.world.desired.items():
        if key in in_sync:
            continue
        if hidden := looked.world.observed.blind_spot(key):
            yield Standing(key, Condition.UNKNOWN, now.at, hidden.why)
        else:
            places = (
                desired.source,
                *(each.source for each in desired.mentions),
                *(source for _, source in desired.places),
            )
            other = _NO_CONTAINER if _lacks_container(desired, looked.world) else _ELSEWHERE
            problem = next((problems[place] for place in map(str, places) if place in problems), other)
            yield Standing(key, Condition.HELD, now.at, problem.what, problem.todo, hold=Hold.BROKEN)
    for key in looked.world.frozen:
        # A record of the state that cannot be read is reported by the name of its object.
        problem = problems.get(str(key), _WRONG_SPEC)
        yield Standing(key, Condition.HELD, now.at, problem.what, problem.todo, hold=Hold.INCOMPLETE)


def _lacks_container(desired: Desired, world: World) -> bool:
    """Tell whether an object lies in another, as a volume in its pool, that does not exist."""
    seen = world.observed
    within = (m.name for m in desired.mentions if desired.key.name.startswith(f"{m.name.name}/"))
    return any(key not in seen.objects and seen.blind_spot(key) is None for key in within)


_NO_CONTAINER = Problem("", "its storage pool does not exist", "it is compared when the pool exists")
_ELSEWHERE = Problem("", "errors in specs leave it out of the plan", "see the reported problems")
_WRONG_SPEC = Problem(
    "", "its spec has problems", "see the reported problems; until they are solved, the object is not changed"
)


def _in_sync(looked: Looked, before: Mapping[Key, Standing], now: Moment) -> Iterator[Standing]:
    for key in looked.plan.in_sync:
        was = before.get(key)
        is_as_before = was is not None and was.condition is Condition.READY
        yield was if was and is_as_before else Standing(key, Condition.READY, now.at)


STORED = "stored; takes effect at the next start"


def _pending(looked: Looked, now: Moment) -> Iterator[Standing]:
    for key in looked.plan.pending:
        yield Standing(key, Condition.PENDING, now.at, STORED)


_CONDITIONS = {Hold.UNKNOWN: Condition.UNKNOWN, Hold.SUSPENDED: Condition.SUSPENDED}
"""What being held for some reasons is called."""


def _held(looked: Looked, now: Moment) -> Iterator[Standing]:
    verbs = _verbs((h.action.key, h.action.verb.name) for h in looked.plan.held)
    commands, digest = looked.world.commands, looked.plan.digest
    approve = commands.kvmreconcile("approve", digest) if digest else ""
    for held in reversed(looked.plan.held):  # what holds the first step is told
        key, condition = held.action.key, _CONDITIONS.get(held.hold, Condition.HELD)
        why = ": ".join(filter(None, (held.hold.value, held.detail)))
        way = release(held, approve)
        yield Standing(key, condition, now.at, why, way, held.until, held.hold, verbs[key])


def _waiting(looked: Looked, failures: Mapping[Key, str], now: Moment) -> Iterator[Standing]:
    """Yield what of a plan is not done now: what has just failed, and what needs anything that is not done."""
    verbs = _verbs((a.key, a.verb.name) for a in looked.plan.actions)
    begun = {a.key for a in looked.allowed.actions}
    awaited: dict[Key, str] = {}
    for action in looked.plan.actions:
        if action.key not in begun and action.key not in looked.waits:
            firsts = (*action.needs, *action.after)
            first = next((str(n) for n in firsts if n in verbs and n not in begun), "")
            awaited[action.key] = awaited.get(action.key) or first
    for key, first in awaited.items():
        why = f"it waits for {first or 'an earlier pass to end'}"
        yield Standing(key, Condition.HELD, now.at, why, verbs=verbs[key])
    for key, wait in looked.waits.items():
        yield failed(key, wait, failures.get(key, ""), now, verbs.get(key, ()))


def failed(key: Key, wait: Wait, error: str, now: Moment, verbs: tuple[str, ...]) -> Standing:
    """Return how an object stands that is left alone for a while after it was tried."""
    why = (
        f"done {wait.done} times and needed again; another tool or the guest may revert it"
        if wait.fate is Fate.DONE
        else error
    )
    release = "it is retried automatically"
    return Standing(key, Condition.FAILED, now.at, why, release, now.of(wait.due_s), verbs=verbs)


def _suspended(looked: Looked, found: Standings, now: Moment) -> Iterator[Standing]:
    world = looked.world
    named = {key for key in world.suspended if key is not None}
    for key in sorted({*found, *named}) if world.suspended else ():
        standing = found.get(key)
        if (stopped := stop(key, world)) and not (standing and standing.condition is Condition.UNKNOWN):
            _, why, release, until = stopped
            verbs = standing.verbs if standing else ()
            yield Standing(key, Condition.SUSPENDED, now.at, why, release, until, Hold.SUSPENDED, verbs)


def _changing(looked: Looked, now: Moment) -> Iterator[Standing]:
    begun = _verbs((a.key, a.verb.name) for a in looked.allowed.actions)
    for key in sorted(looked.busy - begun.keys()):
        yield Standing(key, Condition.CHANGING, now.at)
    for key, verbs in begun.items():
        yield Standing(key, Condition.CHANGING, now.at, verbs=verbs)


def _verbs(steps: Iterable[tuple[Key, str]]) -> dict[Key, tuple[str, ...]]:
    """Return what is to be done to each object, in order."""
    found: dict[Key, dict[str, None]] = {}
    for key, verb in steps:
        found.setdefault(key, {})[verb] = None
    return {key: tuple(verbs) for key, verbs in found.items()}
