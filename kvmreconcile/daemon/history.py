"""
Write down what happens: all that is worth looking back at into the history, and into the log what auditors ask for.

Separate from passes and orders, which only tell of it. A pass that finds all as it was leaves no trace.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock

import structlog

from kvmreconcile.events.events import (
    ActionFinished,
    HistoryNotWritten,
    OrderGiven,
    OrderRefused,
    PassEvent,
    PassFailed,
    PassFinished,
    PassPlanned,
)
from kvmreconcile.model import Hold, Key, Result
from kvmreconcile.state import HistoryEntry, Recorder, Retention, State
from kvmreconcile.state.audit import audit_fields, audit_type
from kvmreconcile.state.history import Cause, EntryKind, with_order

REASONS = 8
"""How many reasons for a pass are kept."""
_REMEMBERED = 64
"""How many passes, and approvals, may be under way or awaited at once."""


class HistoryWriter:
    """
    Follows the daemon, and writes down what it hears of; several threads may tell it.

    Args:
        tell: Called with the news that the history cannot be written, or can be again.
    """

    def __init__(self, state: State, keep: Retention, publish: Callable[[PassEvent], None]) -> None:
        self._recorder = Recorder(state, keep, self._trouble)
        self._tell = publish
        self._log = structlog.get_logger()
        self._lock = Lock()
        self._known = _Known()
        self._approvals: OrderedDict[str, str] = OrderedDict()
        self._written: deque[str] = deque(maxlen=_REMEMBERED)
        self._approval = ("", "")
        self._broken = ""

    def __call__(self, news: PassEvent) -> None:
        """Write down what is new in it."""
        with self._lock:
            entries = self._entries(news)
        if entries or isinstance(news, PassPlanned):
            self._recorder.record(datetime.now(UTC), *entries)
        for entry in entries:
            if event := audit_type(entry):
                say = self._log.warning if entry.what is EntryKind.REFUSED or entry.error else self._log.info
                say(event, **audit_fields(entry))

    def _trouble(self, why: str) -> None:
        if why:
            self._log.warning("history.failed", why=why)
        else:
            self._log.info("history.mended")
        self._tell(HistoryNotWritten(datetime.now(UTC), why))

    def _entries(self, news: PassEvent) -> list[HistoryEntry]:
        match news:
            case PassPlanned():
                return self._looked(news)
            case ActionFinished():
                return self._stepped(news)
            case PassFinished() if news.planned.pass_id in self._written:
                took_s = news.planned.took_s + news.took_s
                return [self._cause(news.planned).end_entry(datetime.now(UTC), news.report, took_s)]
            case OrderGiven() | OrderRefused():
                return [self._ordered(news)]
            case PassFailed() if news.why != self._broken:
                self._broken = news.why
                return [HistoryEntry(at=news.at, what=EntryKind.BROKEN, run=news.pass_id, error=news.why)]
            case _:
                return []

    def _looked(self, planned: PassPlanned) -> list[HistoryEntry]:
        self._broken = ""
        # The next pass follows it, and no later one that happens to have the same plan.
        (digest, who), self._approval = self._approval, ("", "")
        if digest == planned.plan.digest:
            self._approvals[planned.pass_id] = who
            while len(self._approvals) > _REMEMBERED:
                self._approvals.popitem(last=False)
        before, self._known = self._known, _Known.of(planned)
        if not self._known.has_news_since(before):
            return []
        anew = self._known.held - before.held
        return [self._began(planned), *self._cause(planned).held_entries(planned.at, planned.plan, anew)]

    def _stepped(self, stepped: ActionFinished) -> list[HistoryEntry]:
        """Return what tells of a step; one that is left out again and again is told of with its plan, once."""
        planned, is_written = stepped.planned, stepped.planned.pass_id in self._written
        if stepped.outcome.result is Result.SKIPPED and not is_written:
            return []
        entry = self._cause(planned).step_entry(stepped.at, stepped.outcome)
        return [entry] if is_written else [self._began(planned), entry]

    def _began(self, planned: PassPlanned) -> HistoryEntry:
        self._written.append(planned.pass_id)
        wrong = len({*planned.specs.problems, *planned.plan.problems})
        entry = self._cause(planned).planned_entry(planned.at, planned.plan, planned.allowed, wrong)
        reason = ", ".join(planned.triggered_by[:REASONS]) or "retry"
        return replace(entry, reason=reason, took_s=planned.took_s)

    def _ordered(self, news: OrderGiven | OrderRefused) -> HistoryEntry:
        if isinstance(news, OrderGiven) and news.order == "approve":
            self._approval = (news.about, news.who)
        what = EntryKind.ORDER if isinstance(news, OrderGiven) else EntryKind.REFUSED
        entry = HistoryEntry(at=news.at, what=what, who=news.who)
        return with_order(entry, news.order, news.about, news.why)

    def _cause(self, planned: PassPlanned) -> Cause:
        who = self._approvals.get(planned.pass_id, "")
        return Cause(planned.pass_id, "run", planned.plan.digest, planned.commit, planned.author, who)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the last pass found, as far as it is worth a word when it changes."""

    digest: str = ""
    held: frozenset[tuple[Key, Hold]] = frozenset()
    wrong: frozenset[str] = frozenset()
    commit: str = ""

    @classmethod
    def of(cls, planned: PassPlanned) -> "_Known":
        """Return what a pass found."""
        plan = planned.plan
        return cls(
            plan.digest if plan.actions else "",
            frozenset((h.action.key, h.hold) for h in plan.held),
            frozenset(map(str, (*planned.specs.problems, *plan.problems))),
            planned.commit,
        )

    def has_news_since(self, before: "_Known") -> bool:
        """Tell whether there is something to do, held, wrong or in force that was not."""
        is_other = bool(self.digest) and self.digest != before.digest
        return (
            is_other
            or self.commit != before.commit
            or bool(self.held - before.held or self.wrong - before.wrong)
        )
