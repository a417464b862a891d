"""
The executor "libvirt": carry out a plan on the host.

Separate from planning, which decides what is done, and from drivers, which know how: this decides in which order,
what is remembered, and what follows from a failure.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock
from typing import TypeVar

from kvmreconcile.errors import HostError, NotYet, Rejected, StateError
from kvmreconcile.execute.batches import Batch, Batches
from kvmreconcile.execute.executor import Connection, Reporter, Tools
from kvmreconcile.execute.failures import LASTS, Failures
from kvmreconcile.execute.ledger import Ledger
from kvmreconcile.execute.parallel import work
from kvmreconcile.execute.retry import REAL_TIME, Pace, attempt, patiently, shortage
from kvmreconcile.execute.unchanged import check_same
from kvmreconcile.kinds.kind import Driver, Kind
from kvmreconcile.model import Action, Actual, Key, Outcome, Plan, Report, Result, Settled, Unknown, World
from kvmreconcile.model.verbs import DEFINE, RESTART
from kvmreconcile.plan.gates.suspended import describe_suspension
from kvmreconcile.plan.order.renaming import rename_in_world
from kvmreconcile.plan.probation import is_rolled_back
from kvmreconcile.plan.secrets.paths import definitions, secret_paths
from kvmreconcile.plan.secrets.redact import redacted
from kvmreconcile.state import State
from kvmreconcile.tree import Change
from kvmreconcile.tree.variants import for_secrets

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LibvirtExecutor:
    """
    Acts through the kinds' drivers.

    Actions of one object are done in the plan's order; an object's begin when all objects they need are
    done, and one that comes after other objects when those are. Independent objects go in parallel, those in
    one pool one at a time. A failed action skips the rest of its object's and all that needs that object, and
    nothing else; a lost connection skips all.

    Attributes:
        workers: How many objects at most are worked on at once.
        stopping: Once set, what is under way is ended and nothing more is begun.
    """

    kinds: Mapping[str, Kind]
    connection: Connection
    state: State
    reporter: Reporter
    workers: int = 4
    pace: Pace = REAL_TIME
    stopping: Event = field(default_factory=Event)

    def execute(self, plan: Plan, world: World, /) -> Report:
        """Do the plan's actions, and remember and report what came of them."""
        run = _Run(self, plan, world)
        with self.state.alone(world, {*plan.records, *plan.names}):
            for key in plan.records:
                run.settled(key, run.ledger.refresh(key))
            work(run.batches.order(), run.work, self.workers)
            return run.report()


class _Run:
    """One plan being carried out; `work` is called in several threads, for different legs."""

    def __init__(self, executor: LibvirtExecutor, plan: Plan, world: World) -> None:
        back = {key for key in plan.instead if is_rolled_back(key, world, executor.kinds)}
        world = replace(world, desired={**world.desired, **plan.instead})
        world = rename_in_world(
            world, {action.key: action.former for action in plan.actions if action.former}
        )
        self.ledger = Ledger(executor.kinds, executor.state, world, back)
        self._failures = Failures(self.ledger, self._look, executor.connection.software, self._now)
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
        self._blame: dict[Key, str] = {}
        self._lost = Event()
        self._telling = Lock()

    def work(self, batch: Batch) -> None:
        """Do all actions of one leg, as far as they and what they need succeed."""
        needs = (batch.key, *sorted(self.batches.needs[batch]))
        blame = next((self._blame[need] for need in needs if need in self._blame), "")
        indices = self.batches.steps[batch]
        # What follows only watches; if that fails, the changes before it are done all the same.
        changing = [i for i in indices if not self._plan.actions[i].verb.probes]
        for index in indices:
            action = self._plan.actions[index]
            blame = blame or self._ended(action.names)
            if blame:
                outcome = Outcome(action, Result.SKIPPED, error=blame)
            else:
                outcome = self._do(action, is_last=index in changing[-1:])
                blame = f'"{action.verb}" of {batch.key} failed' if outcome.result is Result.FAILED else ""
            self._outcomes[index] = outcome
            with self._telling:
                self._executor.reporter.finished(outcome)
        if blame:
            self._blame[batch.key] = blame

    def settled(self, key: Key, news: tuple[Settled, ...]) -> None:
        """Report where libvirt keeps an object otherwise than asked."""
        with self._telling:
            for item in news:
                self._settled.append((key, item))
                self._executor.reporter.settled(key, item)

    def report(self) -> Report:
        """Return what came of the plan."""
        outcomes = tuple(self._outcomes[index] for index in range(len(self._plan.actions)))
        return Report(self._plan, outcomes, tuple(sorted(self._settled, key=lambda s: s[0])))

    def _now(self) -> datetime:
        """Return the time, by the clock that the pass began by."""
        return self._world.now + timedelta(seconds=self._executor.pace.clock() - self._began_s)

    def _ended(self, names: Collection[Key]) -> str:
        """Return why nothing more is begun on an object of these names, "" while more may be."""
        if self._lost.is_set():
            return "the connection to libvirt was lost"
        if self._executor.stopping.is_set():
            return "kvmreconcile was stopped before this step"
        try:
            world = replace(self._world, suspended=self._executor.state.suspended())
        except StateError as error:
            return str(error)
        return next(filter(None, (describe_suspension(name, world) for name in names)), "")

    def _do(self, action: Action, *, is_last: bool) -> Outcome:
        pace = self._executor.pace
        with self._telling:
            self._executor.reporter.started(action)
        began_s = pace.clock()
        result, error, retry, kind, lacks = Result.DONE, "", False, "", None
        try:
            self._perform(action)
            if is_last and not action.verb.removes and action.key in self._world.desired:
                actual = self._look_at_stored(action.key)
                news = self.ledger.settle(action.key, actual, self._withheld(action.key))
                self.settled(action.key, news)
        except (HostError, StateError) as failure:
            result, error = Result.FAILED, self._redacted(action, str(failure))
            retry, kind, lacks = failure.retry, type(failure).__name__, shortage(failure)
            if isinstance(failure, NotYet) and self._executor.stopping.is_set():
                result, error, kind = (
                    Result.SKIPPED,
                    "kvmreconcile was stopped while waiting for this step",
                    "",
                )
            if not self._executor.connection.is_alive():
                self._lost.set()
            elif result is Result.FAILED:
                self._failures.follow(action, failure, error)
        return Outcome(action, result, pace.clock() - began_s, error, retry, kind, lacks)

    def _look_at_stored(self, key: Key) -> Actual | Unknown | None:
        """Re-observe an object; first store it once more if another client may have changed it since it was stored."""
        actual = self._look(key)
        define = next((a for a in self._plan.actions if a.key == key and a.verb == DEFINE), None)
        steps = (*self._plan.actions, *(held.action for held in self._plan.held))
        planned = [change for action in steps if action.key == key for change in action.changes]
        if (
            define is None
            or not isinstance(actual, Actual)
            or not self.ledger.is_disputed(key, actual, planned)
        ):
            return actual
        again = replace(define, tree=self.ledger.proposed(key, actual))
        with suppress(HostError):
            driver = self._drivers[key.kind]
            self._attempt(lambda: driver.perform(self._executor.connection, again))
        return self._look(key)

    def _redacted(self, action: Action, text: str) -> str:
        """Return what libvirt said of an action without the secrets it was given."""
        key, kind = action.key, self._executor.kinds[action.key.kind]
        trees = (*definitions(key, self._world), *((action.tree,) if action.tree else ()))
        return redacted(text, trees, for_secrets(kind.rules, secret_paths(key, self._world)))

    def _withheld(self, key: Key) -> tuple[Action, ...]:
        """Return the steps on an object that are not to be done now."""
        return tuple(h.action for h in self._plan.held if h.action.key == key)

    def _waiting(self, key: Key) -> tuple[Change, ...]:
        """Return what of an object is in force only after its next start, be it part of the plan or not."""
        restart = next((a for a in self._plan.actions if a.key == key and a.verb == RESTART), None)
        return restart.changes if restart else self._plan.pending.get(key, ())

    def _perform(self, action: Action) -> None:
        driver = self._drivers[action.key.kind]
        if action.verb.probes:
            ready = action.policy.ready
            self._see_through(action, driver, ready.delay_s if ready else 0.0)
            if action.key not in self._plan.pending:
                self.ledger.shown(action.key)
            return
        self._check(action)
        self.ledger.before(action, self._waiting(action.key))
        try:
            if action.verb.spans_passes:
                self._see_through(action, driver)
            else:
                self._attempt(lambda: driver.perform(self._executor.connection, action))
        except HostError as error:
            is_refused = action.verb == DEFINE and isinstance(error, LASTS)
            if is_refused or (action.verb.makes and self._is_untouched(action.key, error)):
                self.ledger.take_back(action.key)
            raise
        self.ledger.after(action)
        if action.verb == DEFINE:
            self.ledger.stored(action.key, self._look)

    def _see_through(self, action: Action, driver: Driver, delay_s: float = 0.0) -> None:
        """Repeat an action, first after a delay, until it succeeds, its time is over or we are told to stop."""
        executor = self._executor
        call = partial(driver.perform, executor.connection, action)
        patiently(call, executor.stopping.is_set, executor.pace, delay_s)

    def _check(self, action: Action) -> None:
        """Refuse to make what exists, and to write over what is not as it was when the plan was made."""
        before = self._world.observed.objects.get(action.key)
        if action.verb.makes:
            self._check_hidden(action.key)
        if action.verb.overwrites and isinstance(before, Actual):
            check_same(before, self._look(action.key), self._executor.kinds[action.key.kind].rules)

    def _check_hidden(self, key: Key) -> None:
        """Refuse to make what could not be seen when the plan was made, and turns out to exist."""
        hidden = self._world.observed.unobservable_part(key) is not None
        known = self._world.applied.get(key)
        if not hidden or (known is not None and not known.complete):
            return
        now = self._look(key)
        if isinstance(now, Unknown):
            why = now.why.removeprefix(f"{key}: ")
            raise HostError(f"{key} cannot be observed, so it may exist already: {why}")
        if now is not None:
            raise Rejected(
                f"{key}: it exists although it could not be observed before; "
                "the next pass or apply compares it"
            )

    def _is_untouched(self, key: Key, error: HostError) -> bool:
        """Tell whether an attempt to make an object left all as it was."""
        if isinstance(error, Rejected):
            return True
        before, now = self._world.observed.objects.get(key), self._look(key)
        same = isinstance(before, Actual) and isinstance(now, Actual) and before.xml == now.xml
        return now is None or same

    def _look(self, key: Key) -> Actual | Unknown | None:
        """Return an object as it now is, None if it is proved absent."""
        driver = self._drivers[key.kind]
        try:
            seen = self._attempt(lambda: driver.observe(self._executor.connection, names=[key.name]))
        except HostError as error:
            return Unknown(key, str(error))
        unobservable = seen.unobservable_part(key)
        return seen.objects.get(key) or (Unknown(key, unobservable.why) if unobservable else None)

    def _attempt(self, call: Callable[[], T]) -> T:
        return attempt(call, self._executor.connection.is_alive, self._executor.pace)


def make(tools: Tools) -> LibvirtExecutor:
    """Return the executor called "libvirt"."""
    return LibvirtExecutor(
        tools.kinds, tools.connection, tools.state, tools.reporter, tools.workers, stopping=tools.stopping
    )
