"""
What stays as it is from pass to pass and is told once: mistakes in specs, what is held, pending or not seen.

Separate from the passes, because a log that says the same every few minutes is read by nobody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NewType

import structlog

from kvmreconcile.model import Key, Plan, World
from kvmreconcile.passes.news import Looked, News, Probed
from kvmreconcile.source.load import Loaded

Fields = tuple[tuple[str, str], ...]
Event = NewType("Event", str)

ENDS = {
    Event("spec.wrong"): Event("spec.mended"),
    Event("object.held"): Event("object.released"),
    Event("object.pending"): Event("object.in_force"),
    Event("host.hidden"): Event("host.seen"),
    Event("object.unready"): Event("object.ready"),
}
"""What is told when a matter begins, and when it is over."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One line of the log, told when it begins and when it is over."""

    event: Event
    fields: Fields


def matters(specs: Loaded, world: World, plan: Plan) -> Iterator[Matter]:
    """Yield all that does not change by itself."""
    for problem in (*specs.problems, *plan.problems):
        yield _matter("spec.wrong", where=problem.where, what=problem.what, todo=problem.todo)
    for blind in world.observed.blind:
        yield _matter("host.hidden", prefix=blind.prefix, why=blind.why)
    for (key, hold), group in groupby(plan.held, key=lambda h: (h.action.key, h.hold)):
        held = tuple(group)
        verbs = ", ".join(dict.fromkeys(h.action.verb for h in held))
        said = {"why": hold.value, "detail": held[0].detail, "release": held[0].release}
        yield _matter("object.held", key=str(key), verbs=verbs, **said)
    for key, changes in plan.pending.items():
        yield _matter("object.pending", key=str(key), paths=", ".join(c.path for c in changes))


def _matter(event: str, **fields: str) -> Matter:
    return Matter(Event(event), tuple((name, value) for name, value in fields.items() if value))


class Told:
    """What was told already, and is not told again until it is over."""

    def __init__(self) -> None:
        self._told: frozenset[Matter] = frozenset()

    def news(self, now: Iterable[Matter]) -> Iterator[Matter]:
        """Yield what has begun since the last time, then what is over, under the event that says so."""
        present = tuple(dict.fromkeys(now))
        yield from (m for m in present if m not in self._told)
        over = self._told.difference(present)
        self._told = frozenset(present)
        for matter in sorted(over, key=lambda m: (m.event, m.fields)):
            # Of what is over, only what it was about still matters.
            yield Matter(ENDS[matter.event], matter.fields[:1])


class MatterLog:
    """Follows the passes and logs what has begun and what is over."""

    def __init__(self) -> None:
        self._told, self._unready = Told(), Told()
        self._log = structlog.get_logger()

    def __call__(self, news: News) -> None:
        """Log what a pass, or a look at the guests, found otherwise than the one before."""
        if isinstance(news, Probed):
            self._say_unready(news)
        if not isinstance(news, Looked):
            return
        for matter in self._told.news(matters(news.specs, news.world, news.plan)):
            say = self._log.warning if matter.event in ENDS else self._log.info
            say(matter.event, **dict(matter.fields), plan=news.plan.digest)

    def _say_unready(self, news: Probed) -> None:
        # Why it is not may change from look to look, and would be told each time.
        lacking = (_matter("object.unready", key=str(key)) for key in sorted(news.unready))
        for matter in self._unready.news(lacking):
            key = matter.fields[0][1]
            if why := news.unready.get(Key.read(key)):
                self._log.warning(matter.event, key=key, why=why)
            else:
                self._log.info(matter.event, key=key)
