"""
Carry plans out beside later passes, so that a guest that shuts down slowly keeps nobody waiting.

Separate from passes, which only look and plan. An object is in one execution at a time: until all its steps are
done, or until that execution has ended.
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
from kvmreconcile.reconcile.backoff import without

AT_ONCE = 16
"""How many plans are carried out at the same time; enough that a few slow ones, such as for hung guests, block no other."""

Execute = Callable[[Reporter], Report]


@dataclass(slots=True)
class Execution:
    """
    One plan that is being carried out.

    Attributes:
        left: How many steps of each object are not done yet; a step that fails is never done.
        work: Its report, once there is one.
    """

    planned: PassPlanned
    began_s: float
    left: dict[Key, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    work: "Future[Report]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        """Count the steps."""
        for action in self.planned.allowed.actions:
            self.left[action.key] = self.left.get(action.key, 0) + 1

    def busy(self) -> set[Key]:
        """Return the objects it is still working on."""
        with self._lock:
            unfinished = {key for key, count in self.left.items() if count}
        return unfinished | set(self.planned.allowed.records)

    def note(self, outcome: Outcome) -> None:
        """Take note that a step has ended."""
        if outcome.result is Result.DONE:
            with self._lock:
                self.left[outcome.action.key] -= 1


@dataclass(frozen=True, slots=True)
class _CountingReporter:
    """A reporter that passes everything on to another, and tells the execution of each step that ends."""

    execution: Execution
    to: Reporter

    def started(self, action: Action) -> None:
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        self.execution.note(outcome)
        self.to.finished(outcome)

    def settled(self, key: Key, settled: Settled) -> None:
        self.to.settled(key, settled)


class Executions:
    """The plans being carried out. Used by one thread; what it starts runs in others."""

    def __init__(self) -> None:
        self._running: list[Execution] = []
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plans")

    def busy(self) -> frozenset[Key]:
        """Return all objects that are being worked on."""
        return frozenset(key for execution in self._running for key in execution.busy())

    def startable(self, plan: Plan, busy: frozenset[Key]) -> Plan:
        """Return the plan without busy objects, others in the same pool, and whatever needs one of those."""
        if len(self._running) >= AT_ONCE:
            return without(plan, {a.key for a in plan.actions} | set(plan.records))
        lanes = {lane(key) for key in busy} - {""}
        taken = {a.key for a in plan.actions if busy.intersection(a.names) or lane(a.key) in lanes}
        return without(plan, taken | busy.intersection(plan.records))

    def start(self, execution: Execution, execute: Execute, reporter: Reporter) -> None:
        """Start carrying a plan out."""
        self._running.append(execution)
        # The context carries the pass's fields, such as its id, into the log lines of its steps.
        execution.work = self._pool.submit(
            copy_context().run, execute, _CountingReporter(execution, reporter)
        )

    def wait(self, execution: Execution, longest_s: float) -> bool:
        """Wait for the end of an execution, so many seconds at most; tell whether it has come."""
        return bool(wait([execution.work], longest_s).done)

    def collect(self) -> list[Execution]:
        """Return what has ended since the last call; the caller handles what `work` raises."""
        ended = [execution for execution in self._running if execution.work.done()]
        self._running = [execution for execution in self._running if execution not in ended]
        return ended

    def close(self) -> None:
        """Wait for all that is under way."""
        wait([execution.work for execution in self._running])
        self._pool.shutdown()
