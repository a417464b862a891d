"""Execute a plan, and record the execution and the user in the history."""

import os
import pwd
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from kvmreconcile.cli.running_steps import RunningSteps
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import say
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Plan, Report, Settled, World
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import HistoryEntry, Recorder, Retention, State
from kvmreconcile.state.audit import audit_fields, audit_type
from kvmreconcile.state.history import Cause, EntryKind, with_order
from kvmreconcile.system.journal import Journal


@dataclass(frozen=True, slots=True)
class Invocation:
    """
    What the history records about a command.

    Attributes:
        how: The name of the command, "apply" or "adopt".
        origin: Where the specs were read from.
        is_approved: Whether the user approved the plan by its digest.
    """

    how: str
    origin: SpecOrigin
    is_approved: bool = False


def invoker(environment: Mapping[str, str] = os.environ) -> str:
    """
    Return the name of the user who runs this command, or the UID if the user has no name.

    Under sudo, this is the user who called sudo.
    """
    user = os.getuid()
    if user == 0 and (name := environment.get("SUDO_USER")):
        return name
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def execute_and_record(
    session: Session, plan: Plan, world: World, reporter: Reporter, command: Invocation
) -> Report:
    """
    Execute a plan for the user who runs this command, and record the execution in the history.

    If recording fails, the execution continues. If the command is interrupted, running actions are
    completed and no further action is started.
    """
    origin, kept = command.origin, session.settings.history
    cause = Cause(uuid4().hex[:8], command.how, plan.digest, origin.commit, origin.author, invoker())
    recorder = Recorder(session.state, Retention(kept.entries, kept.age_s), _report_history)
    steps = RunningSteps(_Recording(cause, plan, recorder, reporter))
    now, began_s = datetime.now(UTC), time.monotonic()
    approval = with_order(cause.entry(now, EntryKind.ORDER), "approve", plan.digest, "")
    with interruption.working(steps.described):
        _record(
            recorder, *([approval] if command.is_approved else []), cause.planned_entry(now, plan, plan, 0)
        )
        session.record_sources(plan, world)
        report = session.execute(plan, world, steps, approved=plan.digest)
        _record(recorder, cause.end_entry(datetime.now(UTC), report, time.monotonic() - began_s))
    return report


def record_order(state: State, settings: Settings, order: str, about: str, why: str) -> None:
    """
    Record a request of the user who runs this command in the history.

    Args:
        order: The name of the request, such as "suspend".
        about: The key of the object; "" if the request is not about a single object.
        why: The reason that the user gave; "" for none.
    """
    kept = settings.history
    recorder = Recorder(state, Retention(kept.entries, kept.age_s), _report_history)
    entry = HistoryEntry(at=datetime.now(UTC), what=EntryKind.ORDER, who=invoker())
    _record(recorder, with_order(entry, order, about, why))


def _record(recorder: Recorder, *entries: HistoryEntry) -> None:
    """Write entries to the history, and write audit entries also to the journal if there is a journal."""
    recorder.record(datetime.now(UTC), *entries)
    audited = [(event, entry) for entry in entries if (event := audit_type(entry))]
    with closing(Journal()) as journal:
        for event, entry in audited:
            with suppress(OSError):
                journal.send({"event": event, "level": "info", **audit_fields(entry)})


def _report_history(why: str) -> None:
    lost = f"the history cannot be written: {why}; entries are lost unless this is fixed before this command ends"
    say(lost if why else "the history can be written again")


@dataclass(frozen=True, slots=True)
class _Recording:
    """A reporter that forwards all calls to another reporter, and records outcomes in the history."""

    cause: Cause
    plan: Plan
    recorder: Recorder
    to: Reporter

    def started(self, action: Action) -> None:
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        self.to.finished(outcome)
        _record(self.recorder, self.cause.step_entry(datetime.now(UTC), outcome, self.plan))

    def settled(self, key: Key, settled: Settled) -> None:
        self.to.settled(key, settled)
