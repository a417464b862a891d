"""
Execute plans in parallel with later passes.

A guest that shuts down slowly therefore does not delay other objects. An object is part of only one
execution at a time, until all its steps are done or the execution has ended.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Lock

from kvmreconcile.events.events import PassPlanned
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.execute.parallel import Lane
from kvmreconcile.model import Action, Key, Outcome, Plan, Report, Result, Settled
from kvmreconcile.reconcile.backoff import exclude_objects

AT_ONCE = 16
"""Maximum number of plans that are executed at the same time, despite a few hung guests."""

Execute = Callable[[Reporter], Report]


@dataclass(slots=True)
class Execution:
    """
    One plan that is being executed.

    Attributes:
        planned: The pass that made the plan.
        began_s: When the execution started, by the clock of passes.
        unfinished: By object, the number of steps that have not succeeded yet.
        work: The report, available when the execution has ended.
    """

    planned: PassPlanned
    began_s: float
    unfinished: dict[Key, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    work: "Future[Report]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        """Count the steps of each object."""
        for action in self.planned.allowed.actions:
            self.unfinished[action.key] = self.unfinished.get(action.key, 0) + 1

    def busy(self) -> set[Key]:
        """Return the objects that the execution is still changing."""
        with self._lock:
            unfinished = {key for key, count in self.unfinished.items() if count}
        return unfinished | set(self.planned.allowed.records)

    def record_outcome(self, outcome: Outcome) -> None:
        """Record the outcome of a step."""
        if outcome.result is Result.DONE:
            with self._lock:
                self.unfinished[outcome.action.key] -= 1


@dataclass(frozen=True, slots=True)
class _CountingReporter:
    """A reporter that records finished steps and forwards all calls to another reporter."""

    execution: Execution
    to: Reporter

    def started(self, action: Action) -> None:
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        self.execution.record_outcome(outcome)
        self.to.finished(outcome)

    def settled(self, key: Key, settled: Settled) -> None:
        self.to.settled(key, settled)


class Executions:
    """
    The plans that are being executed.

    Only one thread may use this class. The executions run in other threads.
    """

    def __init__(self) -> None:
        self._running: list[Execution] = []
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plans")

    def busy(self) -> frozenset[Key]:
        """Return all objects that executions are still changing."""
        return frozenset(key for execution in self._running for key in execution.busy())

    def startable(self, plan: Plan, busy: frozenset[Key], lane: Lane) -> Plan:
        """
        Return the part of a plan that can be executed now.

        Busy objects, other objects in the same lanes, and dependents of all these are left out.
        """
        if len(self._running) >= AT_ONCE:
            return exclude_objects(plan, {a.key for a in plan.actions} | set(plan.records))
        lanes = {lane(key) for key in busy}
        taken = {a.key for a in plan.actions if busy.intersection(a.names) or lane(a.key) in lanes}
        return exclude_objects(plan, taken | busy.intersection(plan.records))

    def start(self, execution: Execution, execute: Execute, reporter: Reporter) -> None:
        """Start to execute a plan in another thread."""
        self._running.append(execution)
        # The context carries the pass's fields, such as its id, into the log lines of its steps.
        execution.work = self._pool.submit(
            copy_context().run, execute, _CountingReporter(execution, reporter)
        )

    def wait(self, execution: Execution, longest_s: float) -> bool:
        """
        Wait until an execution has ended, at most `longest_s` seconds.

        Returns whether the execution has ended.
        """
        return bool(wait([execution.work], longest_s).done)

    def collect(self) -> list[Execution]:
        """
        Return the executions that ended since the last call.

        The caller handles exceptions in `work`.
        """
        end_entry = [execution for execution in self._running if execution.work.done()]
        self._running = [execution for execution in self._running if execution not in end_entry]
        return end_entry

    def close(self) -> None:
        """Wait until all executions have ended."""
        wait([execution.work for execution in self._running])
        self._pool.shutdown()
