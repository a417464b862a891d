"""Log when a condition, such as a problem in a spec or a held object, begins and when it ends."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NewType

import structlog

from kvmreconcile.events.events import PassEvent, PassPlanned, ReadinessProbed
from kvmreconcile.model import Hold, Key, Plan, World
from kvmreconcile.source.loaded import Loaded

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
"""The log event when a condition begins, and the log event when it ends."""


@dataclass(frozen=True, slots=True)
class Notice:
    """
    The log line for a condition.

    Attributes:
        event: The log event when the condition begins.
        fields: The fields of the log line.
        subject: The values that identify the condition if some fields change while it lasts; () if none change.
    """

    event: Event
    fields: Fields
    subject: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[object, ...]:
        """The key that distinguishes the condition from other conditions."""
        return self.event, self.subject or self.fields


def list_notices(specs: Loaded, world: World, plan: Plan) -> Iterator[Notice]:
    """Yield a notice for each condition that a pass found."""
    for problem in (*specs.problems, *plan.problems):
        notice = _notice("spec.wrong", where=problem.where, what=problem.what, todo=problem.todo)
        # The line number of a problem changes with every edit above the line.
        yield replace(notice, subject=problem.subject)
    for note in plan.notes:
        yield _notice("spec.warning", where=note.where, what=note.what, todo=note.todo)
    if plan.lost:
        yield _notice("state.lost", why=plan.lost)
    for unobservable in world.observed.unobservable:
        yield _notice("host.hidden", prefix=unobservable.prefix, why=unobservable.why)
    for (key, hold), group in groupby(plan.held, key=lambda h: (h.action.key, h.hold)):
        held = tuple(group)
        verbs = ", ".join(dict.fromkeys(h.action.verb.name for h in held))
        # The remaining settle time changes with each pass, and would be logged each time.
        detail = "" if hold is Hold.SETTLE else held[0].detail
        reason = {"why": hold.value, "detail": detail, "release": held[0].release}
        yield _notice("object.held", key=str(key), verbs=verbs, **reason)
    for key, changes in plan.pending.items():
        yield _notice("object.pending", key=str(key), paths=", ".join(c.path for c in changes))


def _notice(event: str, **fields: str) -> Notice:
    return Notice(Event(event), tuple((name, value) for name, value in fields.items() if value))


class OpenNotices:
    """The notices that were logged and whose conditions still last."""

    def __init__(self) -> None:
        self._open: dict[tuple[object, ...], Notice] = {}

    def changes(self, now: Iterable[Notice]) -> Iterator[Notice]:
        """
        Yield notices for the conditions that began since the last call, then for the conditions that ended.

        Args:
            now: The notices for all conditions that exist now.
        """
        present = {notice.identity: notice for notice in now}
        yield from (notice for identity, notice in present.items() if identity not in self._open)
        ended = [notice for identity, notice in self._open.items() if identity not in present]
        self._open = present
        for notice in sorted(ended, key=lambda n: (n.event, n.fields)):
            # When a condition ends, only its object or place is logged.
            yield Notice(ENDS[notice.event], notice.fields[:1])


class ConditionLog:
    """Subscriber that logs conditions when they begin and when they end."""

    def __init__(self) -> None:
        self._open, self._unready = OpenNotices(), OpenNotices()
        self._log = structlog.get_logger()

    def __call__(self, event: PassEvent) -> None:
        """Log the conditions that have begun or ended, according to a pass or a readiness probe."""
        if isinstance(event, ReadinessProbed):
            self._log_unready(event)
        if not isinstance(event, PassPlanned):
            return
        for notice in self._open.changes(list_notices(event.specs, event.world, event.plan)):
            log = self._log.warning if notice.event in ENDS else self._log.info
            log(notice.event, **dict(notice.fields), plan=event.plan.digest)

    def _log_unready(self, event: ReadinessProbed) -> None:
        # The notice has no reason: the reason may change with each probe, and would be logged each time.
        unready = (_notice("object.unready", key=str(key)) for key in sorted(event.unready))
        for notice in self._unready.changes(unready):
            key = notice.fields[0][1]
            if why := event.unready.get(Key.read(key)):
                self._log.warning(notice.event, key=key, why=why)
            else:
                self._log.info(notice.event, key=key)
