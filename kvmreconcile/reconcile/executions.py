"""
Execute plans in parallel with later passes, so a guest that shuts down slowly does not delay other objects.

An object is in one execution at a time: until all its steps are done, or until that execution has ended.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Lock

from kvmreconcile.events.events import PassPlanned
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.execute.parallel import lane
from kvmreconcile.model import Action, Key, Outcome, Plan, Report, Result, Settled
from kvmreconcile.reconcile.backoff import exclude_objects

AT_ONCE = 16
"""The maximum number of plans executed at the same time; a few slow ones (hung guests) do not block the others."""

Execute = Callable[[Reporter], Report]


@dataclass(slots=True)
class Execution:
    """
    One plan that is being executed.

    Attributes:
        unfinished: The number of steps of each object that are not done yet; a step that fails is never done.
        work: Has the report once the execution has ended.
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
        """Return the objects that it is still changing."""
        with self._lock:
            unfinished = {key for key, count in self.unfinished.items() if count}
        return unfinished | set(self.planned.allowed.records)

    def record_outcome(self, outcome: Outcome) -> None:
        """Record that a step has ended."""
        if outcome.result is Result.DONE:
            with self._lock:
                self.unfinished[outcome.action.key] -= 1


@dataclass(frozen=True, slots=True)
class _CountingReporter:
    """Forward everything to another reporter, and record in the execution each step that ends."""

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
    """The plans that are being executed. One thread uses this class; the executions run in other threads."""

    def __init__(self) -> None:
        self._running: list[Execution] = []
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plans")

    def busy(self) -> frozenset[Key]:
        """Return all objects that are being changed."""
        return frozenset(key for execution in self._running for key in execution.busy())

    def startable(self, plan: Plan, busy: frozenset[Key]) -> Plan:
        """Return the plan without busy objects, without others in the same pool, and without those that need them."""
        if len(self._running) >= AT_ONCE:
            return exclude_objects(plan, {a.key for a in plan.actions} | set(plan.records))
        lanes = {lane(key) for key in busy} - {""}
        taken = {a.key for a in plan.actions if busy.intersection(a.names) or lane(a.key) in lanes}
        return exclude_objects(plan, taken | busy.intersection(plan.records))

    def start(self, execution: Execution, execute: Execute, reporter: Reporter) -> None:
        """Start to execute a plan."""
        self._running.append(execution)
        # The context carries the pass's fields, such as its id, into the log lines of its steps.
        execution.work = self._pool.submit(
            copy_context().run, execute, _CountingReporter(execution, reporter)
        )

    def wait(self, execution: Execution, longest_s: float) -> bool:
        """Wait for the end of an execution, at most this number of seconds; return whether it has ended."""
        return bool(wait([execution.work], longest_s).done)

    def collect(self) -> list[Execution]:
        """Return the executions that ended since the last call; the caller handles exceptions of `work`."""
        end_entry = [execution for execution in self._running if execution.work.done()]
        self._running = [execution for execution in self._running if execution not in end_entry]
        return end_entry

    def close(self) -> None:
        """Wait for all executions under way."""
        wait([execution.work for execution in self._running])
        self._pool.shutdown()
