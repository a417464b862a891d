"""The executor "libvirt": execute plans with the kinds' drivers, and record them in the state."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock
from typing import Any, TypeVar

from kvmreconcile.errors import HostError, NotYet, StateError
from kvmreconcile.execute.batches import Batch, Batches
from kvmreconcile.execute.connections import Connections
from kvmreconcile.execute.executor import HostConnection, Reporter, Tools
from kvmreconcile.execute.failures import PERMANENT, Failures
from kvmreconcile.execute.ledger import Ledger
from kvmreconcile.execute.parallel import run_batches
from kvmreconcile.execute.preconditions import Preconditions
from kvmreconcile.execute.retry import REAL_TIME, Pace, attempt, poll, shortage
from kvmreconcile.host.endpoint import LIBVIRT
from kvmreconcile.kinds.kind import Driver, Kind, lane_of
from kvmreconcile.model import Action, Actual, Key, Outcome, Plan, Report, Result, Settled, Unknown, World
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.plan.gates.suspended import describe_suspension
from kvmreconcile.plan.order.rename_steps import rename_in_world
from kvmreconcile.plan.probation import is_rolled_back
from kvmreconcile.plan.secrets.paths import definitions, secret_paths
from kvmreconcile.plan.secrets.redact import redacted
from kvmreconcile.state import State
from kvmreconcile.tree.variants import for_secrets

T = TypeVar("T")
_STOPPED = "kvmreconcile was stopped while waiting for this step"


@dataclass(frozen=True, slots=True)
class LibvirtExecutor:
    """
    Executes plans with the kinds' drivers.

    Actions on one object run in the plan's order. The first one begins when all needed objects are
    done. An action that waits for other objects begins when those objects are done. Independent
    objects run in parallel, but only one per lane (see `Kind.lane`) at a time. A failure skips the
    remaining actions on the object and its dependents. A lost connection skips the remaining actions
    on the objects of its endpoint.

    Attributes:
        connection: The connection to libvirt.
        others: The connections to other endpoints, by the name of the endpoint.
        workers: Maximum number of objects to work on at the same time.
        stopping: Once set, running actions are finished and no further action begins.
    """

    kinds: Mapping[str, Kind]
    connection: HostConnection
    state: State
    reporter: Reporter
    workers: int = 4
    pace: Pace = REAL_TIME
    stopping: Event = field(default_factory=Event)
    others: Mapping[str, Any] = field(default_factory=dict)

    def execute(self, plan: Plan, world: World, /) -> Report:
        """Execute the actions of a plan, and record and report their outcomes."""
        run = _Run(self, plan, world)
        with self.state.alone(world, {*plan.records, *plan.names}):
            for key in plan.records:
                run.report_settled(key, run.ledger.refresh(key))
            lane = partial(lane_of, kinds=self.kinds)
            run_batches(run.batches.order(), run.run_batch, self.workers, lane)
            return run.report()


class _Run:
    """The execution of one plan; several threads call `run_batch` for different batches."""

    def __init__(self, executor: LibvirtExecutor, plan: Plan, world: World) -> None:
        rolled_back = {key for key in plan.instead if is_rolled_back(key, world, executor.kinds)}
        world = replace(world, desired={**world.desired, **plan.instead})
        world = rename_in_world(
            world, {action.key: action.former for action in plan.actions if action.former}
        )
        self.ledger = Ledger(executor.kinds, executor.state, world, rolled_back)
        self._preconditions = Preconditions(world, executor.kinds, self._observe)
        self._failures = Failures(self.ledger, self._observe, executor.connection.software, self._now)
        self._began_s = executor.pace.clock()
        self.batches = Batches.of(plan.actions)
        self._drivers = {
            kind: executor.kinds[kind].driver() for kind in sorted({a.key.kind for a in plan.actions})
        }
        self._executor = executor
        self._plan = plan
        self._world = world
        self._outcomes: dict[int, Outcome] = {}
        self._settled: list[tuple[Key, Settled]] = []
        self._skip_reasons: dict[Key, str] = {}
        self._connections = Connections({LIBVIRT: executor.connection, **executor.others}, executor.kinds)
        self._reporting = Lock()

    def run_batch(self, batch: Batch) -> None:
        """Execute a batch; after a failure, or if a needed object failed, skip its actions."""
        needs = (batch.key, *sorted(self.batches.needs[batch]))
        why = next((self._skip_reasons[need] for need in needs if need in self._skip_reasons), "")
        indices = self.batches.steps[batch]
        # Steps after the last change only probe. Their failure does not undo the changes.
        changing = [i for i in indices if not self._plan.actions[i].verb.probes]
        for index in indices:
            action = self._plan.actions[index]
            why = why or self._reason_to_stop(action.names)
            if why:
                outcome = Outcome(action, Result.SKIPPED, error=why)
            else:
                outcome = self._execute(action, is_last=index in changing[-1:])
                why = f'"{action.verb}" of {batch.key} failed' if outcome.result is Result.FAILED else ""
            self._outcomes[index] = outcome
            with self._reporting:
                self._executor.reporter.finished(outcome)
        if why:
            self._skip_reasons[batch.key] = why

    def report_settled(self, key: Key, settled: tuple[Settled, ...]) -> None:
        """Report values that libvirt keeps different from the spec."""
        with self._reporting:
            for item in settled:
                self._settled.append((key, item))
                self._executor.reporter.settled(key, item)

    def report(self) -> Report:
        """Return the report of the plan."""
        outcomes = tuple(self._outcomes[index] for index in range(len(self._plan.actions)))
        return Report(self._plan, outcomes, tuple(sorted(self._settled, key=lambda s: s[0])))

    def _now(self) -> datetime:
        """Return the time of the pass plus the time elapsed since then."""
        return self._world.now + timedelta(seconds=self._executor.pace.clock() - self._began_s)

    def _reason_to_stop(self, names: Collection[Key]) -> str:
        """Return why no further action on the named objects may begin, or "" if one may begin."""
        if why := self._connections.why_lost(names):
            return why
        if self._executor.stopping.is_set():
            return "kvmreconcile was stopped before this step"
        try:
            world = replace(self._world, suspended=self._executor.state.suspended())
        except StateError as error:
            return str(error)
        return next(filter(None, (describe_suspension(name, world) for name in names)), "")

    def _execute(self, action: Action, *, is_last: bool) -> Outcome:
        pace = self._executor.pace
        with self._reporting:
            self._executor.reporter.started(action)
        began_s = pace.clock()
        result, error, retry, kind, lacks = Result.DONE, "", False, "", None
        try:
            self._perform(action)
            if is_last and not action.verb.removes and action.key in self._world.desired:
                actual = self._observe_stored(action.key)
                settled = self.ledger.settle(action.key, actual, self._plan.held_actions(action.key))
                self.report_settled(action.key, settled)
        except (HostError, StateError) as failure:
            result, error = Result.FAILED, self._redact(action, str(failure))
            retry, kind, lacks = failure.retry, type(failure).__name__, shortage(failure)
            if isinstance(failure, NotYet) and self._executor.stopping.is_set():
                result, error, kind = Result.SKIPPED, _STOPPED, ""
            if self._connections.is_alive(action.key) and result is Result.FAILED:
                self._failures.record(action, failure, error)
        return Outcome(action, result, pace.clock() - began_s, error, retry, kind, lacks)

    def _observe_stored(self, key: Key) -> Actual | Unknown | None:
        """Observe an object; if another client may have changed it, store and observe it again."""
        actual = self._observe(key)
        define = next((a for a in self._plan.actions if a.key == key and a.verb == DEFINE), None)
        steps = (*self._plan.actions, *(held.action for held in self._plan.held))
        planned = [change for action in steps if action.key == key for change in action.changes]
        if (
            define is None
            or not isinstance(actual, Actual)
            or not self.ledger.is_disputed(key, actual, planned)
        ):
            return actual
        again = replace(define, tree=self.ledger.proposed_definition(key, actual))
        with suppress(HostError):
            driver = self._drivers[key.kind]
            self._attempt(key, lambda: driver.perform(self._connections.of(key), again))
        return self._observe(key)

    def _redact(self, action: Action, text: str) -> str:
        """Return libvirt's error message about an action, with secrets masked."""
        key, kind = action.key, self._executor.kinds[action.key.kind]
        trees = (*definitions(key, self._world), *((action.tree,) if action.tree else ()))
        return redacted(text, trees, for_secrets(kind.rules, secret_paths(key, self._world)))

    def _perform(self, action: Action) -> None:
        driver = self._drivers[action.key.kind]
        if action.verb.probes:
            ready = action.policy.lifecycle.ready
            self._poll(action, driver, ready.delay_s if ready else 0.0)
            if action.key not in self._plan.pending:
                self.ledger.record_ready(action.key)
            return
        self._preconditions.check(action)
        self.ledger.record_start(action, self._plan.deferred_changes(action.key))
        try:
            if action.verb.spans_passes:
                self._poll(action, driver)
            else:
                connection = self._connections.of(action.key)
                self._attempt(action.key, lambda: driver.perform(connection, action))
        except HostError as error:
            is_refused = action.verb == DEFINE and isinstance(error, PERMANENT)
            if is_refused or (action.verb.makes and self._preconditions.is_untouched(action.key, error)):
                self.ledger.restore(action.key)
            raise
        self.ledger.record_end(action)
        if action.verb == DEFINE:
            self.ledger.record_stored(action.key, self._observe)

    def _poll(self, action: Action, driver: Driver, delay_s: float = 0.0) -> None:
        """Repeat an action until it succeeds, its timeout passes or the executor is stopped."""
        executor = self._executor
        call = partial(driver.perform, self._connections.of(action.key), action)
        poll(call, executor.stopping.is_set, executor.pace, delay_s)

    def _observe(self, key: Key) -> Actual | Unknown | None:
        """Return an object as it is now, or None if the object is proved absent."""
        driver = self._drivers[key.kind]
        try:
            seen = self._attempt(key, lambda: driver.observe(self._connections.of(key), names=[key.name]))
        except HostError as error:
            return Unknown(key, str(error))
        unobservable = seen.unobservable_part(key)
        return seen.objects.get(key) or (Unknown(key, unobservable.why) if unobservable else None)

    def _attempt(self, key: Key, call: Callable[[], T]) -> T:
        return attempt(call, partial(self._connections.is_alive, key), self._executor.pace)


def make(tools: Tools) -> LibvirtExecutor:
    """Return the executor "libvirt"."""
    return LibvirtExecutor(
        tools.kinds,
        tools.connection,
        tools.state,
        tools.reporter,
        tools.workers,
        stopping=tools.stopping,
        others=tools.others,
    )
