"""
Record passes, steps and orders (such as `approve`) in the history, and write audit events to the log.

A pass is recorded only if it has a new plan, hold, problem or commit.
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

MAX_REASONS = 8
"""The maximum number of reasons recorded for a pass."""
_MAX_REMEMBERED = 64
"""The maximum number of passes and approvals that are tracked at once."""


class HistoryWriter:
    """
    Subscriber that records events; any thread may call it.

    Args:
        publish: Called with an event if the history cannot be written, and when it can be written again.
    """

    def __init__(self, state: State, keep: Retention, publish: Callable[[PassEvent], None]) -> None:
        self._recorder = Recorder(state, keep, self._report_write_failure)
        self._publish = publish
        self._log = structlog.get_logger()
        self._lock = Lock()
        self._known = _Known()
        self._approvals: OrderedDict[str, str] = OrderedDict()
        self._recorded_passes: deque[str] = deque(maxlen=_MAX_REMEMBERED)
        self._approval = ("", "")
        self._last_failure = ""

    def __call__(self, event: PassEvent) -> None:
        """Record what is new in an event."""
        with self._lock:
            entries = self._entries(event)
        if entries or isinstance(event, PassPlanned):
            self._recorder.record(datetime.now(UTC), *entries)
        for entry in entries:
            if audit_event := audit_type(entry):
                write_log = (
                    self._log.warning if entry.what is EntryKind.REFUSED or entry.error else self._log.info
                )
                write_log(audit_event, **audit_fields(entry))

    def _report_write_failure(self, why: str) -> None:
        if why:
            self._log.warning("history.failed", why=why)
        else:
            self._log.info("history.mended")
        self._publish(HistoryNotWritten(datetime.now(UTC), why))

    def _entries(self, event: PassEvent) -> list[HistoryEntry]:
        match event:
            case PassPlanned():
                return self._entries_of_plan(event)
            case ActionFinished():
                return self._entries_of_action(event)
            case PassFinished() if event.pass_planned.pass_id in self._recorded_passes:
                took_s = event.pass_planned.took_s + event.took_s
                return [self._cause_of(event.pass_planned).end_entry(datetime.now(UTC), event.report, took_s)]
            case OrderGiven() | OrderRefused():
                return [self._order_entry(event)]
            case PassFailed() if event.why != self._last_failure:
                self._last_failure = event.why
                return [HistoryEntry(at=event.at, what=EntryKind.BROKEN, run=event.pass_id, error=event.why)]
            case _:
                return []

    def _entries_of_plan(self, planned: PassPlanned) -> list[HistoryEntry]:
        self._last_failure = ""
        # An approval belongs to the next pass only, not to a later one with the same plan.
        (digest, who), self._approval = self._approval, ("", "")
        if digest == planned.plan.digest:
            self._approvals[planned.pass_id] = who
            while len(self._approvals) > _MAX_REMEMBERED:
                self._approvals.popitem(last=False)
        before, self._known = self._known, _Known.of(planned)
        if not self._known.has_changed_since(before):
            return []
        newly_held = self._known.held - before.held
        return [
            self._plan_entry(planned),
            *self._cause_of(planned).held_entries(planned.at, planned.plan, newly_held),
        ]

    def _entries_of_action(self, action_finished: ActionFinished) -> list[HistoryEntry]:
        """
        Return the entries for a finished step.

        If the pass of the step is not recorded yet, its entry comes first. A skipped step is recorded only if its pass
        is recorded.
        """
        planned, is_recorded = (
            action_finished.pass_planned,
            action_finished.pass_planned.pass_id in self._recorded_passes,
        )
        if action_finished.outcome.result is Result.SKIPPED and not is_recorded:
            return []
        entry = self._cause_of(planned).step_entry(action_finished.at, action_finished.outcome, planned.plan)
        return [entry] if is_recorded else [self._plan_entry(planned), entry]

    def _plan_entry(self, planned: PassPlanned) -> HistoryEntry:
        self._recorded_passes.append(planned.pass_id)
        wrong = len({*planned.specs.problems, *planned.plan.problems})
        entry = self._cause_of(planned).planned_entry(planned.at, planned.plan, planned.allowed, wrong)
        reason = ", ".join(planned.triggered_by[:MAX_REASONS]) or "retry"
        return replace(entry, reason=reason, took_s=planned.took_s)

    def _order_entry(self, event: OrderGiven | OrderRefused) -> HistoryEntry:
        if isinstance(event, OrderGiven) and event.order == "approve":
            self._approval = (event.about, event.who)
        what = EntryKind.ORDER if isinstance(event, OrderGiven) else EntryKind.REFUSED
        entry = HistoryEntry(at=event.at, what=what, who=event.who)
        return with_order(entry, event.order, event.about, event.why)

    def _cause_of(self, planned: PassPlanned) -> Cause:
        who = self._approvals.get(planned.pass_id, "")
        return Cause(planned.pass_id, "run", planned.plan.digest, planned.commit, planned.author, who)


@dataclass(frozen=True, slots=True)
class _Known:
    """The findings of a pass. A pass with new findings is recorded."""

    digest: str = ""
    held: frozenset[tuple[Key, Hold]] = frozenset()
    wrong: frozenset[str] = frozenset()
    commit: str = ""

    @classmethod
    def of(cls, planned: PassPlanned) -> "_Known":
        """Return the findings of a pass."""
        plan = planned.plan
        return cls(
            plan.digest if plan.actions else "",
            frozenset((h.action.key, h.hold) for h in plan.held),
            frozenset(map(str, (*planned.specs.problems, *plan.problems))),
            planned.commit,
        )

    def has_changed_since(self, before: "_Known") -> bool:
        """Return whether there is a new plan, hold, problem or commit."""
        is_other = bool(self.digest) and self.digest != before.digest
        return (
            is_other
            or self.commit != before.commit
            or bool(self.held - before.held or self.wrong - before.wrong)
        )
