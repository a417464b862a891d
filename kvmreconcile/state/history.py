"""
Define history entries, which record passes, their steps, orders and refusals.

The history is for users and affects no decision.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from itertools import groupby

from kvmreconcile.model import Hold, Key, Outcome, Plan, Report, Result
from kvmreconcile.tree import Change


class EntryKind(Enum):
    """The type of an entry."""

    PLANNED = "pass"
    """A pass or a command has made a plan, and begins to execute the allowed part."""
    HELD = "held"
    """A pass has held actions that the pass before did not hold."""
    STEP = "step"
    """A step of a plan was done, failed or was skipped."""
    ENDED = "ended"
    """A pass or a command has ended."""
    BROKEN = "broken"
    """A pass failed with an error."""
    ORDER = "order"
    """A user gave an order."""
    REFUSED = "refused"
    """An order or a request was refused, as the user lacks permission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """
    One event; attributes that do not apply are empty.

    Attributes:
        run: The identifier of the pass, or of the run of a command.
        plan: The plan's digest.
        revision: The commit in use, "" outside git.
        author: The author of that commit.
        who: The user who gave the order, or whose order was executed; "" where policy alone decided.
        key: The object; None for an entry about none or about all.
        owner: The document that stands for the object; "" if the object has a document of its own.
        verb: The verb of a step; the name of an order; the origin of a pass: "run" (the daemon), "apply" or "adopt".
        reason: The reason of a step; the trigger of a pass; the hold of held actions; the reason given for an order.
        changes: Changed paths with their sign ("~ memory"); never values, since those can be secret.
        result: The result of a step: "done", "failed" or "skipped".
        error: The error; for held actions, the details.
        steps: Number of steps: of a pass, those it may execute; at its end, those it has executed.
        held: Number of held actions of a pass.
        wrong: Number of problems in specs; at the end of a pass, number of failed steps.
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
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """What all entries of one pass or command share; fields as those of an entry, `origin` being a pass's verb."""

    run: str
    origin: str
    plan: str
    revision: str = ""
    author: str = ""
    who: str = ""

    def entry(self, at: datetime, what: EntryKind) -> HistoryEntry:
        """Return an entry with the shared fields alone."""
        return HistoryEntry(
            at=at,
            what=what,
            run=self.run,
            plan=self.plan,
            revision=self.revision,
            author=self.author,
            who=self.who,
        )

    def planned_entry(self, at: datetime, plan: Plan, allowed: Plan, wrong: int) -> HistoryEntry:
        """
        Return the entry of a pass that has planned.

        Args:
            allowed: The part of the plan that it may execute.
            wrong: Number of problems in specs.
        """
        entry = self.entry(at, EntryKind.PLANNED)
        return replace(entry, verb=self.origin, steps=len(allowed.actions), held=len(plan.held), wrong=wrong)

    def held_entries(
        self, at: datetime, plan: Plan, new: Collection[tuple[Key, Hold]]
    ) -> Iterator[HistoryEntry]:
        """Yield an entry for each object and hold among the new holds."""
        for (key, hold), group in groupby(plan.held, key=lambda h: (h.action.key, h.hold)):
            held = tuple(group)
            if (key, hold) in new:
                yield replace(
                    self.entry(at, EntryKind.HELD),
                    key=key,
                    verb=", ".join(dict.fromkeys(h.action.verb.name for h in held)),
                    effect=str(max(h.action.effect for h in held)),
                    reason=hold.value,
                    changes=_paths(c for h in held for c in h.action.changes),
                    error=held[0].detail,
                    owner=_owner(key, plan),
                )

    def step_entry(self, at: datetime, outcome: Outcome, plan: Plan) -> HistoryEntry:
        """Return the entry of a step of a plan that was executed or skipped."""
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
            owner=_owner(action.key, plan),
        )

    def end_entry(self, at: datetime, report: Report, took_s: float) -> HistoryEntry:
        """Return the entry of a pass or a command that has ended."""
        done = sum(o.result is Result.DONE for o in report.outcomes)
        entry = self.entry(at, EntryKind.ENDED)
        return replace(entry, verb=self.origin, steps=done, wrong=len(report.failed), took_s=took_s)


def with_order(entry: HistoryEntry, order: str, about: str, why: str) -> HistoryEntry:
    """Return an entry with an order about an object ("Domain/web1"), a plan (its digest) or everything ("")."""
    key = Key.read(about) if "/" in about else None
    return replace(entry, verb=order, key=key, plan=entry.plan if key else about, reason=why)


def _owner(key: Key, plan: Plan) -> str:
    return str(plan.owners.get(key, ""))


def _paths(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the changed paths; a change of a whole object has none, as the verb says it."""
    return tuple(dict.fromkeys(f"{change.sign} {change.path}" for change in changes if change.path))
