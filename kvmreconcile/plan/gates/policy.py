"""Hold the steps that an object's own policy does not allow without approval."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from kvmreconcile.model import Action, Apply, Desired, Held, Hold, Key
from kvmreconcile.plan.compare.digests import fingerprint
from kvmreconcile.plan.gates.windows import highest_effect, hold_outside_windows
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    Options of the caller that override the specs.

    Attributes:
        max_effect: The largest effect that is allowed. None means the limit in each object's spec.
        approved: The digest of an approved plan, None if there is none. The approval counts only if
            the new plan has the same digest.
        only: The objects to plan. None means all objects.
    """

    max_effect: Effect | None = None
    approved: str | None = None
    only: frozenset[Key] | None = None

    def selects(self, key: Key) -> bool:
        """Return whether the options select an object for the plan."""
        return self.only is None or key in self.only


def digest_of(actions: Iterable[Action], moved: Iterable[Key] = ()) -> str:
    """
    Return the digest that identifies exactly these steps. An approval names this digest.

    Args:
        moved: The objects that moved here from another host, for which the approval says more than for others.
    """
    said: list[object] = [
        [str(a.key), a.verb.name, int(a.effect), list(a.steps), [fingerprint(c) for c in a.changes]]
        for a in actions
    ]
    said += [f"moved {key}" for key in moved]
    return sha256(json.dumps(said).encode()).hexdigest()[:12]


def override(desired: Mapping[Key, Desired], overrides: Overrides) -> Mapping[Key, Desired]:
    """Return the desired objects with the largest effect that the caller allows."""
    if overrides.max_effect is None:
        return desired
    limit = overrides.max_effect
    return {k: replace(d, policy=replace(d.policy, max_effect=limit, windows=())) for k, d in desired.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """
    The conditions under which the policy of one object is applied.

    Attributes:
        approved: Whether the plan is approved. An approval does not allow what the spec forbids.
        at_rest: Whether the object is not in use. Its steps then need no maintenance window if
            their effect is within the object's own limit.
        is_overridden: Whether the largest allowed effect was set by the caller instead of the spec.
    """

    now: datetime
    approved: bool
    at_rest: bool
    is_overridden: bool = False


def judge(actions: Sequence[Action], case: Case) -> tuple[tuple[Action, ...], tuple[Held, ...]]:
    """
    Split the steps on one object: allowed steps, and held steps with all steps after them.

    Exception: if a step is held only until a maintenance window, later starts and stops are
    allowed, unless the step replaces the object.
    """
    for index, action in enumerate(actions):
        hold = _forbidden(action)
        if hold is None and not case.approved:
            hold = _too_costly(action, case) or hold_outside_windows(action, case.now, at_rest=case.at_rest)
        if hold:
            frees = hold.hold is Hold.WINDOW and action.effect < Effect.REPLACE
            free = tuple(a for a in actions[index:] if frees and a.verb.is_ordered)
            rest = tuple(
                replace(hold, action=a) for a in actions[index:] if not (frees and a.verb.is_ordered)
            )
            return (*actions[:index], *free), rest
    return tuple(actions), ()


def _forbidden(action: Action) -> Held | None:
    if action.policy.apply is Apply.OBSERVE:
        return Held(action, Hold.OBSERVE, "", 'set "apply: enforce" in the spec')
    if action.policy.protect and action.effect >= Effect.REPLACE:
        return Held(action, Hold.PROTECTED, "", 'take "protect: true" out of the spec')
    return None


def _too_costly(action: Action, case: Case) -> Held | None:
    limit = highest_effect(action.policy)
    if action.effect <= limit:
        return None
    detail = f"effect {action.effect}, allowed up to {limit}"
    return Held(action, Hold.EFFECT, detail, f"approve this plan, or {_raise(action, case)}")


def _raise(action: Action, case: Case) -> str:
    """Return advice on how to raise the largest allowed effect, depending on where it was set."""
    if case.is_overridden:
        return f"use --max-effect {action.effect}"
    windows = action.policy.windows
    if windows and all(window.max_effect for window in windows):
        return f'set "maxEffect: {action.effect}" for one of its "update.windows"'
    return f'set "update.maxEffect: {action.effect}"'
