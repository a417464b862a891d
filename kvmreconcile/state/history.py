"""
What happened, for people who look back: passes, their steps, orders and refusals.

Separate from what is remembered of objects, which decides what is done; nothing is ever decided by history.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from itertools import groupby

from kvmreconcile.model import Hold, Key, Outcome, Plan, Report, Result
from kvmreconcile.tree import Change


class EntryKind(Enum):
    """What an entry tells of."""

    PLANNED = "pass"
    """A pass or a command has planned, and does now what it may."""
    HELD = "held"
    """A pass has found something held that the one before had not."""
    STEP = "step"
    """A step of a plan was done, has failed or was left out."""
    ENDED = "ended"
    """What a pass or a command did is over."""
    BROKEN = "broken"
    """A pass could not be made, or not to its end."""
    ORDER = "order"
    """Somebody has said what to do."""
    REFUSED = "refused"
    """Somebody has said what to do who may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """
    One thing that happened; what does not belong to it is empty.

    Attributes:
        run: Names the pass, or the run of a command.
        plan: The plan's digest.
        revision: The commit in force, "" outside git.
        author: Who wrote that commit, as it says.
        who: The user who gave the order, or whose order was followed; "" where policy alone decided.
        key: The object; None where it is about none, or about all.
        verb: Of a step; the word of an order; of a pass where it was made: "run" (the daemon), "apply" or "adopt".
        reason: Why: of a step, what it heals; of a pass, what rang; of what is held, the hold; of an order, what
            was said.
        changes: Paths behind their sign ("~ memory"); never values, since those can be secret.
        result: Of a step: "done", "failed" or "skipped".
        error: What went wrong; of what is held, the details.
        steps: Of a pass, how many it may do; once it has ended, how many it has done.
        held: How many it may not do.
        wrong: How many mistakes in specs it met; once it has ended, how many steps have failed.
    """

    at: datetime
    what: EntryKind
    run: str = ""
    plan: str = ""
    revision: str = ""
    author: str = ""
    who: str = ""
    key: Key | None = None
    verb: str = ""
    effect: str = ""
    reason: str = ""
    changes: tuple[str, ...] = ()
    result: str = ""
    took_s: float = 0.0
    error: str = ""
    steps: int = 0
    held: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Cause:
    """What all entries of one pass or command share; fields as those of an entry, `how` being a pass's verb."""

    run: str
    how: str
    plan: str
    revision: str = ""
    author: str = ""
    who: str = ""

    def entry(self, at: datetime, what: EntryKind) -> HistoryEntry:
        """Return an entry that says no more than this."""
        return HistoryEntry(
            at=at,
            what=what,
            run=self.run,
            plan=self.plan,
            revision=self.revision,
            author=self.author,
            who=self.who,
        )

    def began(self, at: datetime, plan: Plan, allowed: Plan, wrong: int) -> HistoryEntry:
        """Return what tells that it has planned; `allowed` is what it may do, `wrong` counts mistakes in specs."""
        entry = self.entry(at, EntryKind.PLANNED)
        return replace(entry, verb=self.how, steps=len(allowed.actions), held=len(plan.held), wrong=wrong)

    def withheld(
        self, at: datetime, plan: Plan, anew: Collection[tuple[Key, Hold]]
    ) -> Iterator[HistoryEntry]:
        """Yield what tells of what is held and was not before."""
        for (key, hold), group in groupby(plan.held, key=lambda h: (h.action.key, h.hold)):
            held = tuple(group)
            if (key, hold) in anew:
                yield replace(
                    self.entry(at, EntryKind.HELD),
                    key=key,
                    verb=", ".join(dict.fromkeys(h.action.verb.name for h in held)),
                    effect=str(max(h.action.effect for h in held)),
                    reason=hold.value,
                    changes=_paths(c for h in held for c in h.action.changes),
                    error=held[0].detail,
                )

    def stepped(self, at: datetime, outcome: Outcome) -> HistoryEntry:
        """Return what tells of a step that has ended, or is left out."""
        action = outcome.action
        return replace(
            self.entry(at, EntryKind.STEP),
            key=action.key,
            verb=action.verb.name,
            effect=str(action.effect),
            reason=action.reason.value,
            changes=_paths(action.changes),
            result=outcome.result.value,
            took_s=outcome.took_s,
            error=outcome.error,
        )

    def ended(self, at: datetime, report: Report, took_s: float) -> HistoryEntry:
        """Return what tells that all it did is over."""
        done = sum(o.result is Result.DONE for o in report.outcomes)
        entry = self.entry(at, EntryKind.ENDED)
        return replace(entry, verb=self.how, steps=done, wrong=len(report.failed), took_s=took_s)


def ordered(entry: HistoryEntry, order: str, about: str, why: str) -> HistoryEntry:
    """Return an entry as that of an order about an object ("Domain/web1"), a plan (its digest) or all ("")."""
    key = Key.read(about) if "/" in about else None
    return replace(entry, verb=order, key=key, plan=entry.plan if key else about, reason=why)


def _paths(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return where changes are; one of a whole object is told by its verb."""
    return tuple(dict.fromkeys(f"{change.sign} {change.path}" for change in changes if change.path))
