"""
Make the passes of the daemon: observe, plan and execute like `apply`, but without asking a user.

A pass never raises an exception: errors are logged, and the pass is retried later.
"""

import math
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from queue import SimpleQueue
from uuid import uuid4

import structlog

from kvmreconcile.errors import KvmReconcileError, Refused, Rejected, StateError, Unsupported
from kvmreconcile.events.attempts import AttemptResult
from kvmreconcile.events.events import OrderGiven, PassFailed, PassFinished, PassPlanned, Subscriber, publish
from kvmreconcile.events.reporter import PublishingReporter
from kvmreconcile.execute.plugins import REPORTERS, load_plugin
from kvmreconcile.kinds.kind import lane_of
from kvmreconcile.model import Key, Plan, Result, World
from kvmreconcile.reconcile.approvals import Approval, Approvals
from kvmreconcile.reconcile.backoff import Backoff, delay_s
from kvmreconcile.reconcile.executions import Execution, Executions
from kvmreconcile.reconcile.planning import PassStart, observe_and_plan
from kvmreconcile.reconcile.spec_reader import SpecReader
from kvmreconcile.reconcile.stale_objects import PROGRESS, SPECS, StaleObjects, Triggers
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session

PATIENCE_S = 1.0
"""Seconds that a pass waits for its steps if another pass is due. Slower steps continue in parallel."""
REFUSALS = frozenset(error.__name__ for error in (Refused, Rejected, Unsupported))
"""Class names of errors after which the next pass may revert a change."""
_POLL_S = 0.1
_HOST_RETRY_S = 30.0
"""Seconds until the next plan if a requirement is not met, since files appear without events."""
_MAX_LOGGED = 8
"""Maximum number of triggers that are logged for a pass."""

log = structlog.get_logger()


@dataclass(slots=True)
class Passes:
    """
    Makes passes over one host, one at a time, and keeps data between passes.

    Attributes:
        origin: Returns the origin of specs. Called in each pass.
        trigger_next: Triggers another pass. Called after a pass that changed something.
        triggered_by: Returns the triggers of the next pass. Called while a pass waits for steps.
        report_alive: Called repeatedly during a pass, to show that the pass makes progress.
        clock: Returns the time of a monotonic clock in seconds: the clock of passes.
    """

    origin: Callable[[], SpecOrigin]
    trigger_next: Callable[[], None]
    triggered_by: Callable[[], Collection[str]] = tuple
    subscribers: tuple[Subscriber, ...] = ()
    approvals: Approvals = field(default_factory=Approvals)
    report_alive: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    reader: SpecReader = field(default_factory=SpecReader)
    _backoff: Backoff = field(default_factory=Backoff)
    _retries: "SimpleQueue[Key | None]" = field(default_factory=SimpleQueue)
    _executions: Executions = field(default_factory=Executions)
    _stale: StaleObjects = field(default_factory=StaleObjects)
    _failures: int = 0
    _retry_s: float | None = None
    _replan_s: float | None = None

    def due_s(self) -> float | None:
        """Return when the next retry, read of specs or end of a hold is due, or None."""
        times = (self._backoff.due_s(), self._retry_s, self._replan_s, self.reader.due_s())
        return min((t for t in times if t is not None), default=None)

    def retry(self, key: Key | None) -> None:
        """Let the next pass retry a failed object (None: all). Any thread may call this method."""
        self._retries.put(key)

    def close(self) -> None:
        """Wait until all executions have ended, and record their outcomes."""
        self._executions.close()
        self._collect_ended()

    def run(self, session: Session, triggered_by: Triggers) -> None:
        """Make one pass. Errors are logged, and the pass is retried later."""
        start = PassStart(uuid4().hex[:8], datetime.now(UTC), self.clock(), tuple(triggered_by))
        with structlog.contextvars.bound_contextvars(pass_id=start.pass_id):
            self._replan_s = self._retry_s = None
            log.info(
                "pass.started", rung_by=list(triggered_by)[:_MAX_LOGGED] or ["retry"], rings=len(triggered_by)
            )
            if SPECS in triggered_by:
                self._backoff.release()
            while not self._retries.empty():
                self._backoff.release(self._retries.get())
            self._collect_ended()
            self._stale.add(triggered_by)
            counts: dict[str, int] = {}
            try:
                counts = self._reconcile(session, start)
            except Exception as error:  # noqa: BLE001  it is logged, since a pass must not raise
                self._handle_failure(error, start.at, start.pass_id)
            if self._retry_s is None:
                self._failures = 0
            log.info("pass.ended", took_s=round(self.clock() - start.began_s, 3), **counts)

    def _handle_failure(self, error: Exception, at: datetime, pass_id: str) -> None:
        """Log the error that aborted a pass, and schedule a retry."""
        if isinstance(error, KvmReconcileError):
            why = str(error)
            log.warning("pass.broken_off", why=why)
        else:
            # A bug must not stop the daemon from reconciling.
            # The error message is left out, since it may contain a password of a spec.
            why = f"internal error ({type(error).__name__}); see the log for the traceback"
            log.error("pass.crashed", exc_info=error)
        self._failures += 1
        self._retry_s = self.clock() + delay_s(AttemptResult.PASSING, self._failures)
        publish(self.subscribers, PassFailed(at, pass_id, why, type(error).__name__))

    def _reconcile(self, session: Session, start: PassStart) -> dict[str, int]:
        with self.approvals.take() as approval:
            origin = self.origin()
            commit = {"commit": origin.commit} if origin.commit else {}
            with structlog.contextvars.bound_contextvars(**commit):
                planned = self._plan(origin, session, replace(start, approval=approval))
                return self._execute(planned, session, approval) if planned else {}

    def _plan(self, origin: SpecOrigin, session: Session, start: PassStart) -> PassPlanned | None:
        """Observe the host and make a plan. Return None if the connection was lost meanwhile."""
        specs = self.reader.load(origin, session, self._stale)
        for crash in specs.crashes:
            log.error("spec.crashed", exc_info=crash)
        self.report_alive()
        # Read before observing, since an execution may end while its objects are being observed.
        busy = self._executions.busy()
        world, plan = observe_and_plan(session, specs, start, self._stale, self.report_alive)
        self.report_alive()
        for key, error in plan.crashes.items():
            log.error("object.crashed", key=str(key), exc_info=error)
        if session.has_lost_libvirt():
            return None
        # While changes wait until specs are unchanged for some time, the specs are read again.
        since_s, self._stale = self._stale.since_s, StaleObjects(everything=False, specs=plan.is_settling)
        self._schedule_replan(plan, world)
        if start.approval:
            self._answer(start.approval, plan)
        ready = self._backoff.exclude_waiting(plan, self.clock(), world.observed)
        allowed = self._executions.startable(ready, busy, partial(lane_of, kinds=session.kinds))
        planned = PassPlanned(
            at=start.at,
            pass_id=start.pass_id,
            triggered_by=start.triggered_by,
            commit=origin.commit,
            specs=specs,
            world=world,
            plan=plan,
            allowed=allowed,
            waits=self._backoff.waits(),
            busy=busy,
            took_s=self.clock() - start.began_s,
            author=origin.author,
            lag_s=None if since_s is None else self.clock() - since_s,
        )
        publish(self.subscribers, planned)
        return planned

    def _schedule_replan(self, plan: Plan, world: World) -> None:
        """Schedule a pass for the end of a hold, or for another check of requirements."""
        if plan.next_release:
            self._replan_s = self.clock() + (plan.next_release - world.now).total_seconds()
        if plan.is_waiting_for_host:
            self._replan_s = min(self._replan_s or math.inf, self.clock() + _HOST_RETRY_S)

    def _answer(self, approval: Approval, plan: Plan) -> None:
        """Answer an approval with the digest of the plan. If it has an effect, end all waits."""
        if approval.respond(plan):
            self._backoff.release()
            now, about = datetime.now(UTC), approval.digest
            publish(self.subscribers, OrderGiven(now, "approve", about, approval.who, approval.why))
        elif plan.digest != approval.digest:
            log.warning("approval.lapsed", approved=approval.digest, plan=plan.digest, who=approval.who)

    def _execute(self, planned: PassPlanned, session: Session, approval: Approval | None) -> dict[str, int]:
        plan, allowed, approved = planned.plan, planned.allowed, approval.digest if approval else ""
        session.claim(planned.world)
        with suppress(StateError):
            # The next pass retries this. If the state cannot be written, the steps fail as well.
            session.record_sources(allowed, planned.world)
        waiting = len(plan.actions) - len(allowed.actions)
        counts = {"in_sync": len(plan.in_sync), "held": len(plan.held), "waiting": waiting}
        if not allowed.actions and not allowed.records:
            return counts
        execution = Execution(planned, self.clock())
        reporter = PublishingReporter(
            planned, load_plugin(REPORTERS, session.settings.reporter)(), self.subscribers
        )
        self._executions.start(
            execution, lambda to: session.execute(allowed, planned.world, to, approved), reporter
        )
        while not self._executions.wait(execution, _POLL_S):
            self.report_alive()
            if self.clock() > execution.began_s + PATIENCE_S and self._is_another_pass_wanted():
                execution.work.add_done_callback(lambda _: self.trigger_next())
                return {**counts, "under_way": len(execution.busy())}
        return {**counts, **self._collect_ended(planned.pass_id)}

    def _is_another_pass_wanted(self) -> bool:
        return bool({*self.triggered_by()} - {str(key) for key in self._executions.busy()} - {PROGRESS})

    def _collect_ended(self, pass_id: str = "") -> dict[str, int]:
        """Record ended executions. Return the counts of the given pass, or {} if it still runs."""
        own: dict[str, int] = {}
        for execution in self._executions.collect():
            planned = execution.planned
            self._stale.keys |= planned.allowed.names
            with structlog.contextvars.bound_contextvars(pass_id=planned.pass_id):
                error = execution.work.exception()
                if isinstance(error, Exception):
                    self._handle_failure(error, planned.at, planned.pass_id)
                elif error:
                    raise error
                elif planned.pass_id == pass_id:
                    own = self._record_execution(execution)
                else:
                    counts = self._record_execution(execution)
                    log.info("pass.completed", took_s=round(self.clock() - execution.began_s, 3), **counts)
        return own

    def _record_execution(self, execution: Execution) -> dict[str, int]:
        """Record and publish the end of an execution. Return the number of steps by result."""
        report = execution.work.result()
        for key, wait in self._backoff.record_report(report, self.clock()).items():
            delay = {"wait_s": round(wait.due_s - self.clock(), 1), "tries": wait.attempts}
            log.warning("object.postponed", key=str(key), **delay, was=wait.attempt_result.name.lower())
        counts = {r.value: sum(o.result is r for o in report.outcomes) for r in Result}
        # The next pass reverts refused changes at once.
        if counts[Result.DONE.value] or any(o.failure in REFUSALS for o in report.failed):
            self.trigger_next()
        took_s = self.clock() - execution.began_s
        publish(self.subscribers, PassFinished(execution.planned, report, self._backoff.waits(), took_s))
        return counts
