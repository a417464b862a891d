"""
Back-off: what failed is left alone for a while, and all else goes on.

Separate from passes, and without a clock, because how long is a matter of arithmetic. It is kept in memory
only: a daemon that starts tries everything at once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import groupby

from kvmreconcile.errors import HostError, NotFound, Refused, StateError
from kvmreconcile.events.attempts import Fate, Steps, Wait
from kvmreconcile.model import Action, Key, Observation, Outcome, Plan, Report, Result
from kvmreconcile.plan.gates.policy import digest_of

FORGET_S = 60.0
"""How long something that is no longer planned is remembered after it was last due."""


_FATES = {
    **dict.fromkeys((HostError.__name__, NotFound.__name__, Refused.__name__), Fate.UNCLEAR),
    StateError.__name__: Fate.UNRECORDED,
}
"""By the class of the error; all others are lasting."""


class Backoff:
    """Which objects have to wait, and until when."""

    def __init__(self) -> None:
        self._waits: dict[Key, Wait] = {}
        self._waiting: set[Key] = set()

    def sift(self, plan: Plan, now_s: float, seen: Observation | None = None) -> Plan:
        """
        Return the plan without objects that still have to wait, and without what needs them.

        Args:
            seen: The host, where there may now be the room that something lacked.
        """
        planned = _by_object(plan.actions)
        for key in [k for k, wait in self._waits.items() if seen and wait.may_end(seen)]:
            self.release(key)
        self._waiting = {k for k, steps in planned.items() if self._must_wait(k, steps, now_s)}
        self._waits = {k: w for k, w in self._waits.items() if k in planned or now_s < w.due_s + FORGET_S}
        return without(plan, self._waiting)

    def learn(self, report: Report, now_s: float) -> Mapping[Key, Wait]:
        """Take note of what came of a plan, and return what must wait before it is tried again."""
        postponed: dict[Key, Wait] = {}
        steps = _by_object(report.plan.actions)
        lacks = {o.action.key: o.shortage for o in report.outcomes if o.shortage}
        for key, fate in _fates(report.outcomes).items():
            before = self._waits.get(key)
            same = before if before and before.steps == steps[key] else None
            tries = same.tries + 1 if same else 1
            done = (same.done if same else 0) + (fate is Fate.DONE)
            due_s = now_s + fate.wait_s(done if fate is Fate.DONE else tries)
            wait = Wait(steps[key], tries, fate, due_s, lacks.get(key), done)
            self._waits[key] = wait
            if wait.due_s > now_s:
                postponed[key] = wait
        self._waiting |= postponed.keys()
        return postponed

    def waits(self) -> Mapping[Key, Wait]:
        """Return what has to wait, of the plan that was last sifted or learnt from."""
        return {key: self._waits[key] for key in sorted(self._waiting)}

    def release(self, key: Key | None = None) -> None:
        """Let an object, or without one everything, be tried again at once: somebody has changed something."""
        self._waits = {k: replace(w, due_s=0.0) if key in (None, k) else w for k, w in self._waits.items()}

    def due_s(self) -> float | None:
        """Return when the first that waits may be tried again, None if none waits."""
        return min((self._waits[key].due_s for key in self._waiting), default=None)

    def _must_wait(self, key: Key, steps: Steps, now_s: float) -> bool:
        wait = self._waits.get(key)
        return wait is not None and wait.steps == steps and now_s < wait.due_s


def without(plan: Plan, keys: Collection[Key]) -> Plan:
    """Return a plan without some objects, what needs them, and what is done only after them."""
    if not keys:
        return plan
    left_out, cut_short = set(keys), set[Key]()
    kept: list[Action] = []
    for action in plan.actions:  # in order: what is needed comes before what needs it
        lacking = left_out | cut_short
        if lacking.intersection(action.needs):
            left_out.add(action.key)
        elif lacking.intersection(action.after):
            cut_short.add(action.key)
        if action.key not in left_out and action.key not in cut_short:
            kept.append(action)
    return replace(plan, actions=tuple(kept), records=tuple(k for k in plan.records if k not in left_out))


def _by_object(actions: Iterable[Action]) -> dict[Key, Steps]:
    groups = groupby(sorted(actions, key=lambda a: a.key), key=lambda a: a.key)
    each = {key: tuple(group) for key, group in groups}
    return {
        key: (digest_of(group), tuple(sorted({n for a in group for n in (*a.needs, *a.after)})))
        for key, group in each.items()
    }


def _fates(outcomes: Iterable[Outcome]) -> dict[Key, Fate]:
    """Return how it ended for each object that was tried; if one of its actions failed, the object did."""
    fates: dict[Key, Fate] = {}
    for outcome in outcomes:
        key = outcome.action.key
        if outcome.result is Result.FAILED:
            fates[key] = Fate.PASSING if outcome.retry else _FATES.get(outcome.failure, Fate.LASTING)
        elif outcome.result is Result.DONE:
            fates.setdefault(key, Fate.DONE)
    return fates
