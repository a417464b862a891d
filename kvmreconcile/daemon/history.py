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

from kvmreconcile.events.events import Acted, Broken, Looked, News, Ordered, Refused, Stepped, Unrecorded
from kvmreconcile.model import Hold, Key, Result
from kvmreconcile.state import Entry, Keep, Recorder, State
from kvmreconcile.state.audit import audit_fields, audit_type
from kvmreconcile.state.history import Cause, What, ordered

REASONS = 8
"""How many reasons for a pass are kept."""
_REMEMBERED = 64
"""How many passes, and approvals, may be under way or awaited at once."""


class Chronicle:
    """
    Follows the daemon, and writes down what it hears of; several threads may tell it.

    Args:
        tell: Called with the news that the history cannot be written, or can be again.
    """

    def __init__(self, state: State, keep: Keep, tell: Callable[[News], None]) -> None:
        self._recorder = Recorder(state, keep, self._trouble)
        self._tell = tell
        self._log = structlog.get_logger()
        self._lock = Lock()
        self._known = _Known()
        self._approvals: OrderedDict[str, str] = OrderedDict()
        self._written: deque[str] = deque(maxlen=_REMEMBERED)
        self._approval = ("", "")
        self._broken = ""

    def __call__(self, news: News) -> None:
        """Write down what is new in it."""
        with self._lock:
            entries = self._entries(news)
        if entries or isinstance(news, Looked):
            self._recorder.record(datetime.now(UTC), *entries)
        for entry in entries:
            if event := audit_type(entry):
                say = self._log.warning if entry.what is What.REFUSED or entry.error else self._log.info
                say(event, **audit_fields(entry))

    def _trouble(self, why: str) -> None:
        if why:
            self._log.warning("history.failed", why=why)
        else:
            self._log.info("history.mended")
        self._tell(Unrecorded(datetime.now(UTC), why))

    def _entries(self, news: News) -> list[Entry]:
        match news:
            case Looked():
                return self._looked(news)
            case Stepped():
                return self._stepped(news)
            case Acted() if news.looked.pass_id in self._written:
                took_s = news.looked.took_s + news.took_s
                return [self._cause(news.looked).ended(datetime.now(UTC), news.report, took_s)]
            case Ordered() | Refused():
                return [self._ordered(news)]
            case Broken() if news.why != self._broken:
                self._broken = news.why
                return [Entry(at=news.at, what=What.BROKEN, run=news.pass_id, error=news.why)]
            case _:
                return []

    def _looked(self, looked: Looked) -> list[Entry]:
        self._broken = ""
        # The next pass follows it, and no later one that happens to have the same plan.
        (digest, who), self._approval = self._approval, ("", "")
        if digest == looked.plan.digest:
            self._approvals[looked.pass_id] = who
            while len(self._approvals) > _REMEMBERED:
                self._approvals.popitem(last=False)
        before, self._known = self._known, _Known.of(looked)
        if not self._known.has_news_since(before):
            return []
        anew = self._known.held - before.held
        return [self._began(looked), *self._cause(looked).withheld(looked.at, looked.plan, anew)]

    def _stepped(self, stepped: Stepped) -> list[Entry]:
        """Return what tells of a step; one that is left out again and again is told of with its plan, once."""
        looked, is_written = stepped.looked, stepped.looked.pass_id in self._written
        if stepped.outcome.result is Result.SKIPPED and not is_written:
            return []
        entry = self._cause(looked).stepped(stepped.at, stepped.outcome)
        return [entry] if is_written else [self._began(looked), entry]

    def _began(self, looked: Looked) -> Entry:
        self._written.append(looked.pass_id)
        wrong = len({*looked.specs.problems, *looked.plan.problems})
        entry = self._cause(looked).began(looked.at, looked.plan, looked.allowed, wrong)
        reason = ", ".join(looked.rung_by[:REASONS]) or "retry"
        return replace(entry, reason=reason, took_s=looked.took_s)

    def _ordered(self, news: Ordered | Refused) -> Entry:
        if isinstance(news, Ordered) and news.order == "approve":
            self._approval = (news.about, news.who)
        what = What.ORDER if isinstance(news, Ordered) else What.REFUSED
        entry = Entry(at=news.at, what=what, who=news.who)
        return ordered(entry, news.order, news.about, news.why)

    def _cause(self, looked: Looked) -> Cause:
        who = self._approvals.get(looked.pass_id, "")
        return Cause(looked.pass_id, "run", looked.plan.digest, looked.commit, looked.author, who)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the last pass found, as far as it is worth a word when it changes."""

    digest: str = ""
    held: frozenset[tuple[Key, Hold]] = frozenset()
    wrong: frozenset[str] = frozenset()
    commit: str = ""

    @classmethod
    def of(cls, looked: Looked) -> "_Known":
        """Return what a pass found."""
        plan = looked.plan
        return cls(
            plan.digest if plan.actions else "",
            frozenset((h.action.key, h.hold) for h in plan.held),
            frozenset(map(str, (*looked.specs.problems, *plan.problems))),
            looked.commit,
        )

    def has_news_since(self, before: "_Known") -> bool:
        """Tell whether there is something to do, held, wrong or in force that was not."""
        is_other = bool(self.digest) and self.digest != before.digest
        return (
            is_other
            or self.commit != before.commit
            or bool(self.held - before.held or self.wrong - before.wrong)
        )
