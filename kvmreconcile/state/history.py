"""
Define history entries, which record passes, steps, commands of users and refusals.

The history is for users only and affects no plan.
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
    """A pass or a command made a plan and starts to execute the allowed part."""
    HELD = "held"
    """A pass held actions that the previous pass did not hold."""
    STEP = "step"
    """A step of a plan succeeded, failed or was skipped."""
    ENDED = "ended"
    """A pass or a command ended."""
    BROKEN = "broken"
    """A pass failed with an error."""
    ORDER = "order"
    """A user sent a command to the daemon."""
    REFUSED = "refused"
    """A command or request was refused because the user lacks permission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """
    One history entry; attributes that do not apply are empty.

    Attributes:
        at: The time of the entry.
        what: The type of the entry.
        run: The ID of the pass, or of the run of a command.
        plan: The digest of the plan.
        revision: The commit that was used; "" without git.
        author: The author of the commit.
        who: The user who sent or ran the command that led to the entry; "" if there was no command.
        key: The object; None if the entry is about no object or about all objects.
        owner: The document that generates the object; "" if the object has a document of its own.
        verb: The verb of a step, the name of a command, or the origin of a pass: "run" (the daemon),
            "apply" or "adopt".
        effect: The effect of a step.
        reason: The reason of a step or command, the trigger of a pass, or why actions are held.
        changes: Changed paths with their sign ("~ memory"); no values, because values can be secret.
        result: The result of a step: "done", "failed" or "skipped".
        took_s: The duration in seconds.
        error: The error; for held actions, details of the hold.
        steps: At the start of a pass, the number of allowed steps; at its end, of executed steps.
        held: Number of held actions in a pass.
        wrong: At the start of a pass, the number of problems in specs; at its end, of failed steps.
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
    """
    The values that all entries of one pass or command share.

    The attributes are those of `HistoryEntry`; `origin` is the verb of the entries about the pass.
    """

    run: str
    origin: str
    plan: str
    revision: str = ""
    author: str = ""
    who: str = ""

    def entry(self, at: datetime, what: EntryKind) -> HistoryEntry:
        """Return an entry with only the shared values."""
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
        Return the entry of a pass that made a plan.

        Args:
            plan: The plan.
            allowed: The part of the plan that may be executed.
            wrong: Number of problems in specs.
        """
        entry = self.entry(at, EntryKind.PLANNED)
        return replace(entry, verb=self.origin, steps=len(allowed.actions), held=len(plan.held), wrong=wrong)

    def held_entries(
        self, at: datetime, plan: Plan, new: Collection[tuple[Key, Hold]]
    ) -> Iterator[HistoryEntry]:
        """Yield an entry for each new combination of an object and a reason to hold its actions."""
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
        """Return the entry for the end of a pass or a command."""
        done = sum(o.result is Result.DONE for o in report.outcomes)
        entry = self.entry(at, EntryKind.ENDED)
        return replace(entry, verb=self.origin, steps=done, wrong=len(report.failed), took_s=took_s)


def with_order(entry: HistoryEntry, order: str, about: str, why: str) -> HistoryEntry:
    """
    Return an entry with a command of a user.

    Args:
        order: The name of the command.
        about: An object ("Domain/web1"), the digest of a plan, or "" for all objects.
        why: The reason that the user gave.
    """
    key = Key.read(about) if "/" in about else None
    return replace(entry, verb=order, key=key, plan=entry.plan if key else about, reason=why)


def _owner(key: Key, plan: Plan) -> str:
    return str(plan.owners.get(key, ""))


def _paths(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the changed paths, except those of whole objects, which the verb describes."""
    return tuple(dict.fromkeys(f"{change.sign} {change.path}" for change in changes if change.path))
