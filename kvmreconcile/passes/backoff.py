"""
Back-off: what failed is left alone for a while, and all else goes on.

Separate from passes, and without a clock, because how long is a matter of arithmetic. It is kept in memory
only: a daemon that starts tries everything at once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby

from kvmreconcile.errors import HostError, NotFound, Refused
from kvmreconcile.model import Action, Key, Observation, Outcome, Plan, Report, Result, Shortage
from kvmreconcile.plan.policy import digest_of

Steps = tuple[str, tuple[Key, ...]]
"""What was to be done to an object: the digest of its actions, and what they waited for."""

FORGET_S = 60.0
"""How long something that is no longer planned is remembered after it was last due."""


class Fate(Enum):
    """How an attempt ended; its value is how many seconds to wait before the second attempt, and at most before any."""

    PASSING = (1.0, 300.0)
    """A temporary error, such as a lock."""
    UNCLEAR = (2.0, 3600.0)
    """libvirt does not say whether it is temporary: it may just have been another object's restart."""
    LASTING = (300.0, 3600.0)
    """An error that is likely to last until somebody changes something."""
    DONE = (0.25, 300.0)
    """Done, but it may soon have to be done again: a guest that dies at every start."""

    def wait_s(self, tries: int) -> float:
        """Return how long to wait after so many attempts at the same."""
        first_s, longest_s = self.value
        if self is Fate.DONE and tries <= FREE:
            return 0.0
        return float(min(first_s * 2 ** min(tries - 1, 30), longest_s))


_UNCLEAR = frozenset({HostError.__name__, NotFound.__name__, Refused.__name__})
FREE = 2
"""How often the same may be done again without waiting."""


@dataclass(frozen=True, slots=True)
class Wait:
    """
    What is known of the last attempts at one object.

    Attributes:
        shortage: What it lacked room in; once there is enough it need not wait any longer.
        done: How many of the attempts succeeded.
    """

    steps: Steps
    tries: int
    fate: Fate
    due_s: float
    shortage: Shortage | None = None
    done: int = 0

    def may_end(self, seen: Observation) -> bool:
        """Tell whether what was in the way is seen to be out of it."""
        container = seen.actual(self.shortage.of) if self.shortage else None
        left = container.available if container else None
        return self.shortage is not None and left is not None and left >= self.shortage.needed


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
            unclear = Fate.UNCLEAR if outcome.failure in _UNCLEAR else Fate.LASTING
            fates[key] = Fate.PASSING if outcome.retry else unclear
        elif outcome.result is Result.DONE:
            fates.setdefault(key, Fate.DONE)
    return fates
