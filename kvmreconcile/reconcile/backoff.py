"""
Delay the retry of failed objects, while all other objects are reconciled.

The delays are kept in memory only. After a restart of the daemon, all objects are retried at once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import groupby

from kvmreconcile.errors import HostError, NotFound, Refused, StateError
from kvmreconcile.events.attempts import AttemptResult, PlannedWork, Wait
from kvmreconcile.model import Action, Key, Observation, Outcome, Plan, Report, Result
from kvmreconcile.plan.gates.policy import digest_of

FORGET_S = 60.0
"""Seconds for which attempts are kept after the retry was due, for objects without steps."""


_RESULTS = {
    **dict.fromkeys((HostError.__name__, NotFound.__name__, Refused.__name__), AttemptResult.UNCLEAR),
    StateError.__name__: AttemptResult.UNRECORDED,
}
"""The result of an attempt by the class name of the error. Other errors are permanent."""


DELAYS_S = {
    AttemptResult.PASSING: (1.0, 300.0),
    AttemptResult.UNCLEAR: (2.0, 3600.0),
    AttemptResult.UNRECORDED: (1.0, 15.0),
    AttemptResult.LASTING: (300.0, 3600.0),
    AttemptResult.DONE: (0.25, 300.0),
}
"""The delay before the second attempt and the longest delay, by the result of the last attempt."""
FREE_REPEATS = 2
"""Number of successful attempts at the same work that are not followed by a delay."""


def delay_s(result: AttemptResult, attempts: int) -> float:
    """Return the delay in seconds after the given number of attempts at the same work."""
    first_s, longest_s = DELAYS_S[result]
    if result is AttemptResult.DONE and attempts <= FREE_REPEATS:
        return 0.0
    return float(min(first_s * 2 ** min(attempts - 1, 30), longest_s))


class Backoff:
    """The objects that wait for a retry, and the times of their next attempts."""

    def __init__(self) -> None:
        self._waits: dict[Key, Wait] = {}
        self._waiting: set[Key] = set()

    def exclude_waiting(self, plan: Plan, now_s: float, seen: Observation | None = None) -> Plan:
        """
        Return the plan without objects that must still wait, and without their dependents.

        Args:
            seen: The observed host. An object does not wait if its missing resource is available
                now. None means that no wait ends early.
        """
        planned = _work_by_object(plan.actions)
        for key in [k for k, wait in self._waits.items() if seen and wait.can_end(seen)]:
            self.release(key)
        self._waiting = {k for k, work in planned.items() if self._must_wait(k, work, now_s)}
        self._waits = {k: w for k, w in self._waits.items() if k in planned or now_s < w.due_s + FORGET_S}
        return exclude_objects(plan, self._waiting)

    def record_report(self, report: Report, now_s: float) -> Mapping[Key, Wait]:
        """Record the outcomes of an execution, and return the objects that wait for a retry."""
        postponed: dict[Key, Wait] = {}
        planned = _work_by_object(report.plan.actions)
        shortages = {o.action.key: o.shortage for o in report.outcomes if o.shortage}
        for key, attempt_result in _find_attempt_results(report.outcomes).items():
            before = self._waits.get(key)
            same = before if before and before.work == planned[key] else None
            attempts = same.attempts + 1 if same else 1
            successes = (same.successes if same else 0) + (attempt_result is AttemptResult.DONE)
            due_s = now_s + delay_s(
                attempt_result, successes if attempt_result is AttemptResult.DONE else attempts
            )
            wait = Wait(planned[key], attempts, attempt_result, due_s, shortages.get(key), successes)
            self._waits[key] = wait
            if wait.due_s > now_s:
                postponed[key] = wait
        self._waiting |= postponed.keys()
        return postponed

    def waits(self) -> Mapping[Key, Wait]:
        """Return the objects of the last plan or report that wait, each with its wait."""
        return {key: self._waits[key] for key in sorted(self._waiting)}

    def release(self, key: Key | None = None) -> None:
        """End the wait of an object. None ends the waits of all objects."""
        self._waits = {k: replace(w, due_s=0.0) if key in (None, k) else w for k, w in self._waits.items()}

    def due_s(self) -> float | None:
        """Return the time of the next retry, or None if no object waits."""
        return min((self._waits[key].due_s for key in self._waiting), default=None)

    def _must_wait(self, key: Key, work: PlannedWork, now_s: float) -> bool:
        wait = self._waits.get(key)
        return wait is not None and wait.work == work and now_s < wait.due_s


def exclude_objects(plan: Plan, keys: Collection[Key]) -> Plan:
    """Return a plan without some objects, their dependents, and steps that must follow them."""
    if not keys:
        return plan
    left_out, cut_short = set(keys), set[Key]()
    kept: list[Action] = []
    for action in plan.actions:  # An object precedes its dependents.
        lacking = left_out | cut_short
        if lacking.intersection(action.needs):
            left_out.add(action.key)
        elif lacking.intersection(action.after):
            cut_short.add(action.key)
        if action.key not in left_out and action.key not in cut_short:
            kept.append(action)
    return replace(plan, actions=tuple(kept), records=tuple(k for k in plan.records if k not in left_out))


def _work_by_object(actions: Iterable[Action]) -> dict[Key, PlannedWork]:
    groups = groupby(sorted(actions, key=lambda a: a.key), key=lambda a: a.key)
    each = {key: tuple(group) for key, group in groups}
    return {
        key: PlannedWork(digest_of(group), tuple(sorted({n for a in group for n in (*a.needs, *a.after)})))
        for key, group in each.items()
    }


def _find_attempt_results(outcomes: Iterable[Outcome]) -> dict[Key, AttemptResult]:
    """
    Return the result of the attempt at each object.

    The attempt failed if any of its steps failed.
    """
    attempt_results: dict[Key, AttemptResult] = {}
    for outcome in outcomes:
        key = outcome.action.key
        if outcome.result is Result.FAILED:
            lasting = _RESULTS.get(outcome.failure, AttemptResult.LASTING)
            attempt_results[key] = AttemptResult.PASSING if outcome.retry else lasting
        elif outcome.result is Result.DONE:
            attempt_results.setdefault(key, AttemptResult.DONE)
    return attempt_results
