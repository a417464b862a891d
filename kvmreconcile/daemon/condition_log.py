"""
Log lasting conditions once when they begin and once when they end: mistakes in specs, what is held or pending.

Separate from the passes, because nobody reads a log that says the same every few minutes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NewType

import structlog

from kvmreconcile.events.events import PassEvent, PassPlanned, ReadinessProbed
from kvmreconcile.model import Hold, Key, Plan, World
from kvmreconcile.source.load import Loaded

Fields = tuple[tuple[str, str], ...]
Event = NewType("Event", str)

ENDS = {
    Event("spec.wrong"): Event("spec.mended"),
    Event("spec.warning"): Event("spec.warning_over"),
    Event("object.held"): Event("object.released"),
    Event("object.pending"): Event("object.in_force"),
    Event("host.hidden"): Event("host.seen"),
    Event("state.lost"): Event("state.in_use"),
    Event("object.unready"): Event("object.ready"),
}
"""The event that is logged when a condition begins, and the one when it ends."""


@dataclass(frozen=True, slots=True)
class Notice:
    """
    A lasting condition as a line of the log.

    Attributes:
        subject: What is the same as long as the condition lasts; () where all of the fields are.
    """

    event: Event
    fields: Fields
    subject: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells it from other conditions."""
        return self.event, self.subject or self.fields


def notices(specs: Loaded, world: World, plan: Plan) -> Iterator[Notice]:
    """Yield all conditions that a pass has found."""
    for problem in (*specs.problems, *plan.problems):
        wrong = _notice("spec.wrong", where=problem.where, what=problem.what, todo=problem.todo)
        # Its line changes with every edit above it.
        yield replace(wrong, subject=problem.subject)
    for note in plan.notes:
        yield _notice("spec.warning", where=note.where, what=note.what, todo=note.todo)
    if plan.lost:
        yield _notice("state.lost", why=plan.lost)
    for unobservable in world.observed.unobservable:
        yield _notice("host.hidden", prefix=unobservable.prefix, why=unobservable.why)
    for (key, hold), group in groupby(plan.held, key=lambda h: (h.action.key, h.hold)):
        held = tuple(group)
        verbs = ", ".join(dict.fromkeys(h.action.verb.name for h in held))
        # How long something has settled is another in each pass, and would be logged each time.
        detail = "" if hold is Hold.SETTLE else held[0].detail
        said = {"why": hold.value, "detail": detail, "release": held[0].release}
        yield _notice("object.held", key=str(key), verbs=verbs, **said)
    for key, changes in plan.pending.items():
        yield _notice("object.pending", key=str(key), paths=", ".join(c.path for c in changes))


def _notice(event: str, **fields: str) -> Notice:
    return Notice(Event(event), tuple((name, value) for name, value in fields.items() if value))


class OpenNotices:
    """The notices that were given and whose condition still lasts."""

    def __init__(self) -> None:
        self._open: dict[tuple[object, ...], Notice] = {}

    def changes(self, now: Iterable[Notice]) -> Iterator[Notice]:
        """Yield what has begun since the last call, then what has ended, under the event that says so."""
        present = {notice.identity: notice for notice in now}
        yield from (notice for identity, notice in present.items() if identity not in self._open)
        ended = [notice for identity, notice in self._open.items() if identity not in present]
        self._open = present
        for notice in sorted(ended, key=lambda n: (n.event, n.fields)):
            # Only what the condition was about still matters once it has ended.
            yield Notice(ENDS[notice.event], notice.fields[:1])


class NoticeLog:
    """Follows the passes and logs what has begun and what has ended."""

    def __init__(self) -> None:
        self._open, self._unready = OpenNotices(), OpenNotices()
        self._log = structlog.get_logger()

    def __call__(self, news: PassEvent) -> None:
        """Log what a pass, or a look at the guests, found otherwise than the one before."""
        if isinstance(news, ReadinessProbed):
            self._say_unready(news)
        if not isinstance(news, PassPlanned):
            return
        for notice in self._open.changes(notices(news.specs, news.world, news.plan)):
            say = self._log.warning if notice.event in ENDS else self._log.info
            say(notice.event, **dict(notice.fields), plan=news.plan.digest)

    def _say_unready(self, news: ReadinessProbed) -> None:
        # Without the reason, which may change with each look and would be logged each time.
        lacking = (_notice("object.unready", key=str(key)) for key in sorted(news.unready))
        for notice in self._unready.changes(lacking):
            key = notice.fields[0][1]
            if why := news.unready.get(Key.read(key)):
                self._log.warning(notice.event, key=key, why=why)
            else:
                self._log.info(notice.event, key=key)
