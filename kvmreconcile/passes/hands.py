"""
Carry plans out beside the passes that follow, so that a guest that shuts down slowly keeps nobody waiting.

Separate from passes, which only look and plan. An object is in one plan's hands at a time: until all its steps
are done, or until that plan has ended.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Lock

from kvmreconcile.execute.executor import Reporter
from kvmreconcile.execute.parallel import lane
from kvmreconcile.model import Action, Key, Outcome, Plan, Report, Result, Settled
from kvmreconcile.passes.backoff import without
from kvmreconcile.passes.news import Looked

AT_ONCE = 16
"""How many plans are carried out at the same time; slow ones, as of guests that hang, leave room for others."""

Execute = Callable[[Reporter], Report]


@dataclass(slots=True)
class Task:
    """
    One plan that is being carried out.

    Attributes:
        left: How many steps of each object are not done yet; a step that fails is never done.
    """

    looked: Looked
    began_s: float
    left: dict[Key, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    work: "Future[Report]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        """Count the steps."""
        for action in self.looked.allowed.actions:
            self.left[action.key] = self.left.get(action.key, 0) + 1

    def busy(self) -> set[Key]:
        """Return the objects that are in its hands."""
        with self._lock:
            unfinished = {key for key, count in self.left.items() if count}
        return unfinished | set(self.looked.allowed.records)

    def note(self, outcome: Outcome) -> None:
        """Take note that a step has ended."""
        if outcome.result is Result.DONE:
            with self._lock:
                self.left[outcome.action.key] -= 1


@dataclass(frozen=True, slots=True)
class _Noting:
    """A reporter that tells another, and the task."""

    task: Task
    to: Reporter

    def started(self, action: Action) -> None:
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        self.task.note(outcome)
        self.to.finished(outcome)

    def settled(self, key: Key, settled: Settled) -> None:
        self.to.settled(key, settled)


class Hands:
    """What is being carried out. Used by one thread; what it begins runs in others."""

    def __init__(self) -> None:
        self._tasks: list[Task] = []
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plans")

    def busy(self) -> frozenset[Key]:
        """Return all objects that are being worked on."""
        return frozenset(key for task in self._tasks for key in task.busy())

    def free(self, plan: Plan, busy: frozenset[Key]) -> Plan:
        """Return the plan without what is worked on, what lives in the same pool, and what needs any of that."""
        if len(self._tasks) >= AT_ONCE:
            return without(plan, {a.key for a in plan.actions} | set(plan.records))
        lanes = {lane(key) for key in busy} - {""}
        taken = {a.key for a in plan.actions if a.key in busy or lane(a.key) in lanes}
        return without(plan, taken | busy.intersection(plan.records))

    def take(self, task: Task, execute: Execute, reporter: Reporter) -> None:
        """Begin to carry a plan out."""
        self._tasks.append(task)
        # What the log says of a pass, it says of its steps too.
        task.work = self._pool.submit(copy_context().run, execute, _Noting(task, reporter))

    def wait(self, task: Task, until_s: float) -> bool:
        """Wait for a plan's end, so many seconds at most; tell whether it has come."""
        return bool(wait([task.work], until_s).done)

    def collect(self) -> list[Task]:
        """Return what has ended since the last time; what `work` raises is for the caller to see to."""
        over = [task for task in self._tasks if task.work.done()]
        self._tasks = [task for task in self._tasks if task not in over]
        return over

    def close(self) -> None:
        """Wait for all that is under way."""
        wait([task.work for task in self._tasks])
        self._pool.shutdown()
