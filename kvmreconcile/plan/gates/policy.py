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
    Options of the caller of a plan that override the specs.

    Attributes:
        max_effect: The largest effect to allow, in place of each object's own policy.
        approved: Digest of a plan whose held steps are released, if it is still the same plan.
        only: The objects to plan for; None means all.
    """

    max_effect: Effect | None = None
    approved: str | None = None
    only: frozenset[Key] | None = None

    def selects(self, key: Key) -> bool:
        """Return whether an object is among those to plan for."""
        return self.only is None or key in self.only


def digest_of(actions: Iterable[Action]) -> str:
    """Return the digest that identifies exactly these steps; an approval quotes it."""
    said = [
        [str(a.key), a.verb.name, int(a.effect), list(a.steps), [fingerprint(c) for c in a.changes]]
        for a in actions
    ]
    return sha256(json.dumps(said).encode()).hexdigest()[:12]


def override(desired: Mapping[Key, Desired], overrides: Overrides) -> Mapping[Key, Desired]:
    """Return the desired objects, with the effect that the caller allows in place of their own."""
    if overrides.max_effect is None:
        return desired
    limit = overrides.max_effect
    return {k: replace(d, policy=replace(d.policy, max_effect=limit, windows=())) for k, d in desired.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """
    The conditions, in addition to its policy, for the steps on one object.

    Attributes:
        approved: Whether effects that need an approval have one. Effects that the spec itself forbids stay forbidden.
        at_rest: Whether the object is not in use, so that effects within its own limit need no window.
        is_overridden: Whether the caller set the limit instead of the spec.
    """

    now: datetime
    approved: bool
    at_rest: bool
    is_overridden: bool = False


def judge(actions: Sequence[Action], case: Case) -> tuple[tuple[Action, ...], tuple[Held, ...]]:
    """
    Split one object's steps into those allowed and those held; steps after a held step are held with it.

    A step that only waits for its window does not hold starts and stops.
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
    """Return how the user can raise the limit to the effect of a step, in the place where it was set."""
    if case.is_overridden:
        return f"use --max-effect {action.effect}"
    windows = action.policy.windows
    if windows and all(window.max_effect for window in windows):
        return f'set "maxEffect: {action.effect}" for one of its "update.windows"'
    return f'set "update.maxEffect: {action.effect}"'
