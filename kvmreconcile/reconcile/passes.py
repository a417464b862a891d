"""
The daemon's passes: observe, plan and execute, like `apply` does, but with nobody there to ask.

Separate from what triggers them, so that a pass is one call that always returns.
"""

import math
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import SimpleQueue
from uuid import uuid4

import structlog

from kvmreconcile.errors import KvmReconcileError, Refused, Rejected, StateError, Unsupported
from kvmreconcile.events.attempts import Fate
from kvmreconcile.events.events import OrderGiven, PassFailed, PassFinished, PassPlanned, Subscriber, publish
from kvmreconcile.events.reporter import PublishingReporter
from kvmreconcile.execute.plugins import REPORTERS, find
from kvmreconcile.model import Key, Plan, Result, World
from kvmreconcile.plan import Overrides
from kvmreconcile.reconcile.approvals import Approval, Approvals
from kvmreconcile.reconcile.backoff import Backoff
from kvmreconcile.reconcile.executions import Execution, Executions
from kvmreconcile.reconcile.reading import Reading
from kvmreconcile.reconcile.stale import PROGRESS, SPECS, Stale, Triggers
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session
from kvmreconcile.source.load import Loaded

PATIENCE_S = 1.0
"""How long a pass waits for its steps while another pass is wanted; slower ones go on beside later passes."""
REFUSALS = frozenset(error.__name__ for error in (Refused, Rejected, Unsupported))
"""Failures after which the next pass may put something back."""
_GLANCE_S = 0.1
_HOST_AGAIN_S = 30.0
"""How soon to plan again what the host is not ready for: while it boots, files and bridges appear without an event."""
_SHOWN = 8
"""How many reasons for a pass are logged."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Turn:
    """One pass: what it is called, when it began, and why."""

    pass_id: str
    at: datetime
    began_s: float
    triggered_by: tuple[str, ...]
    approval: Approval | None = None


@dataclass(slots=True)
class Passes:
    """
    Passes over one host, one at a time, and what they remember of one another.

    Attributes:
        origin: Returns where specs are; asked in each pass.
        again: Called after a pass that changed something, so that another finds what this made possible.
        rung_by: Returns why another pass is wanted; asked while one still waits for its steps.
        followers: Told what passes see and do.
        approvals: Hands each pass the approval that was given for its plan, if any.
        alive: Called again and again in the course of a pass, to show that it makes progress.
        reading: Reads the specs.
    """

    origin: Callable[[], SpecOrigin]
    again: Callable[[], None]
    triggered_by: Callable[[], Collection[str]] = tuple
    subscribers: tuple[Subscriber, ...] = ()
    approvals: Approvals = field(default_factory=Approvals)
    alive: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    reading: Reading = field(default_factory=Reading)
    _backoff: Backoff = field(default_factory=Backoff)
    _retries: "SimpleQueue[Key | None]" = field(default_factory=SimpleQueue)
    _executions: Executions = field(default_factory=Executions)
    _stale: Stale = field(default_factory=Stale)
    _failures: int = 0
    _again_s: float | None = None
    _opens_s: float | None = None

    def due_s(self) -> float | None:
        """Return when something is to be tried or read again or a hold ends, None if nothing of that is to come."""
        times = (self._backoff.due_s(), self._again_s, self._opens_s, self.reading.due_s())
        return min((t for t in times if t is not None), default=None)

    def retry(self, key: Key | None) -> None:
        """Have the next pass try an object at once, None for everything that has failed; from any thread."""
        self._retries.put(key)

    def close(self) -> None:
        """Wait for what is still under way."""
        self._executions.close()
        self._collect()

    def run(self, session: Session, triggered_by: Triggers) -> None:
        """Make one pass; whatever goes wrong in it is logged, and tried again later."""
        turn = _Turn(uuid4().hex[:8], datetime.now(UTC), self.clock(), tuple(triggered_by))
        with structlog.contextvars.bound_contextvars(pass_id=turn.pass_id):
            self._opens_s = self._again_s = None
            log.info(
                "pass.started", rung_by=list(triggered_by)[:_SHOWN] or ["retry"], rings=len(triggered_by)
            )
            if SPECS in triggered_by:
                self._backoff.release()
            while not self._retries.empty():
                self._backoff.release(self._retries.get())
            self._collect()
            self._stale.add(triggered_by)
            counts: dict[str, int] = {}
            try:
                counts = self._converge(session, turn)
            except Exception as error:  # noqa: BLE001  it is logged, and a pass always returns
                self._excuse(error, turn.at, turn.pass_id)
            if self._again_s is None:
                self._failures = 0
            log.info("pass.ended", took_s=round(self.clock() - turn.began_s, 3), **counts)

    def _excuse(self, error: Exception, at: datetime, pass_id: str) -> None:
        """Log what kept a pass from its end, and have another made later."""
        if isinstance(error, KvmReconcileError):
            why = str(error)
            log.warning("pass.broken_off", why=why)
        else:
            # A mistake of ours must not keep everything else from being looked after.
            # The error's message is left out: it may hold a password of a spec.
            why = f"internal error ({type(error).__name__}); see the log for the traceback"
            log.error("pass.crashed", exc_info=error)
        self._failures += 1
        self._again_s = self.clock() + Fate.PASSING.wait_s(self._failures)
        publish(self.subscribers, PassFailed(at, pass_id, why, type(error).__name__))

    def _converge(self, session: Session, turn: _Turn) -> dict[str, int]:
        with self.approvals.taken() as approval:
            origin = self.origin()
            commit = {"commit": origin.commit} if origin.commit else {}
            with structlog.contextvars.bound_contextvars(**commit):
                planned = self._look(origin, session, replace(turn, approval=approval))
                return self._act(planned, session, approval) if planned else {}

    def _look(self, origin: SpecOrigin, session: Session, turn: _Turn) -> PassPlanned | None:
        """Return what is to be done, None if the connection was lost: then only part of the host may have been seen."""
        specs = self.reading.loaded(origin, session, self._stale)
        for crash in specs.crashes:
            log.error("spec.crashed", exc_info=crash)
        self.alive()
        # Asked before observing: what ends meanwhile may be seen in its state from before.
        busy = self._executions.busy()
        world, plan = self._planned(session, specs, turn)
        self.alive()
        for key, error in plan.crashes.items():
            log.error("object.crashed", key=str(key), exc_info=error)
        if not session.connection.is_alive():
            return None
        # What waits until the specs have said the same for a while is judged by what they say then.
        since_s, self._stale = self._stale.since_s, Stale(everything=False, specs=plan.is_settling)
        if plan.look_again:
            self._opens_s = self.clock() + (plan.look_again - world.now).total_seconds()
        if plan.is_waiting_for_host:
            self._opens_s = min(self._opens_s or math.inf, self.clock() + _HOST_AGAIN_S)
        if turn.approval:
            self._answer(turn.approval, plan)
        allowed = self._executions.startable(self._backoff.sift(plan, self.clock(), world.observed), busy)
        planned = PassPlanned(
            at=turn.at,
            pass_id=turn.pass_id,
            triggered_by=turn.triggered_by,
            commit=origin.commit,
            specs=specs,
            world=world,
            plan=plan,
            allowed=allowed,
            waits=self._backoff.waits(),
            busy=busy,
            took_s=self.clock() - turn.began_s,
            author=origin.author,
            lag_s=None if since_s is None else self.clock() - since_s,
        )
        publish(self.subscribers, planned)
        return planned

    def _answer(self, approval: Approval, plan: Plan) -> None:
        """Tell whoever approved a plan which one it is now; if it is the same, nothing in it has to wait."""
        if plan.digest == approval.digest:
            self._backoff.release()
            now, about = datetime.now(UTC), approval.digest
            publish(self.subscribers, OrderGiven(now, "approve", about, approval.who, approval.why))
        else:
            log.warning("approval.lapsed", approved=approval.digest, plan=plan.digest, who=approval.who)
        approval.answer.set_result("" if plan.is_empty else plan.digest)

    def _planned(self, session: Session, specs: Loaded, turn: _Turn) -> tuple[World, Plan]:
        """Look at what is stale, then at whatever is to be acted on: nothing is done on old knowledge."""
        overrides = Overrides(approved=turn.approval.digest if turn.approval else None)
        at = None if self._stale.everything else set(self._stale.keys)
        session.mark_stale(self._stale.keys)
        world = session.observe(specs, turn.at, at)
        world, plan = session.plan_refreshed(world, overrides)
        while at is not None and (old := plan.names - at):
            self.alive()
            at |= old
            world = session.observe(specs, turn.at, old)
            world, plan = session.plan_refreshed(world, overrides)
        return world, plan

    def _act(self, planned: PassPlanned, session: Session, approval: Approval | None) -> dict[str, int]:
        plan, allowed, approved = planned.plan, planned.allowed, approval.digest if approval else ""
        session.claim(planned.world)
        with suppress(StateError):
            # The next pass tries again; a state that cannot be written fails the steps themselves.
            session.record_sources(allowed, planned.world)
        waiting = len(plan.actions) - len(allowed.actions)
        counts = {"in_sync": len(plan.in_sync), "held": len(plan.held), "waiting": waiting}
        if not allowed.actions and not allowed.records:
            return counts
        execution = Execution(planned, self.clock())
        reporter = PublishingReporter(planned, find(REPORTERS, session.settings.reporter)(), self.subscribers)
        self._executions.start(
            execution, lambda to: session.execute(allowed, planned.world, to, approved), reporter
        )
        while not self._executions.wait(execution, _GLANCE_S):
            self.alive()
            if self.clock() > execution.began_s + PATIENCE_S and self._is_wanted_elsewhere():
                execution.work.add_done_callback(lambda _: self.again())
                return {**counts, "under_way": len(execution.busy())}
        return {**counts, **self._collect(planned.pass_id)}

    def _is_wanted_elsewhere(self) -> bool:
        return bool({*self.triggered_by()} - {str(key) for key in self._executions.busy()} - {PROGRESS})

    def _collect(self, pass_id: str = "") -> dict[str, int]:
        """Learn from executions that have ended; return how the one of a pass did, nothing if it has not."""
        mine: dict[str, int] = {}
        for execution in self._executions.collect():
            planned = execution.planned
            self._stale.keys |= planned.allowed.names
            with structlog.contextvars.bound_contextvars(pass_id=planned.pass_id):
                error = execution.work.exception()
                if isinstance(error, Exception):
                    self._excuse(error, planned.at, planned.pass_id)
                elif error:
                    raise error
                elif planned.pass_id == pass_id:
                    mine = self._learn(execution)
                else:
                    counts = self._learn(execution)
                    log.info("pass.completed", took_s=round(self.clock() - execution.began_s, 3), **counts)
        return mine

    def _learn(self, execution: Execution) -> dict[str, int]:
        """Take note of how an execution ended and tell followers; return how many steps ended in which way."""
        report = execution.work.result()
        for key, wait in self._backoff.learn(report, self.clock()).items():
            said = {"wait_s": round(wait.due_s - self.clock(), 1), "tries": wait.tries}
            log.warning("object.postponed", key=str(key), **said, was=wait.fate.name.lower())
        counts = {r.value: sum(o.result is r for o in report.outcomes) for r in Result}
        # What was refused is put back at once.
        if counts[Result.DONE.value] or any(o.failure in REFUSALS for o in report.failed):
            self.again()
        took_s = self.clock() - execution.began_s
        publish(self.subscribers, PassFinished(execution.planned, report, self._backoff.waits(), took_s))
        return counts
