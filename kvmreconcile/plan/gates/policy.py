"""Hold the steps that an object's own policy does not allow without approval."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from kvmreconcile.model import Action, Apply, Desired, Held, Hold, Key
from kvmreconcile.plan.compare.digests import fingerprint
from kvmreconcile.plan.gates.windows import allowed, highest_effect, next_window
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    What the caller of a plan sets over the specs.

    Attributes:
        max_effect: Up to which effect to go, in place of each object's own policy.
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
    """Return the digest that names exactly these steps: what an approval quotes."""
    said = [
        [str(a.key), a.verb.name, int(a.effect), list(a.steps), [fingerprint(c) for c in a.changes]]
        for a in actions
    ]
    return sha256(json.dumps(said).encode()).hexdigest()[:12]


def override(desired: Mapping[Key, Desired], overrides: Overrides) -> Mapping[Key, Desired]:
    """Return what the specs want, with the effect that the caller allows in place of theirs."""
    if overrides.max_effect is None:
        return desired
    limit = overrides.max_effect
    return {k: replace(d, policy=replace(d.policy, max_effect=limit, windows=())) for k, d in desired.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """
    What decides, beside its policy, whether the steps on one object may be done.

    Attributes:
        approved: Whether effects that need an approval have one. What the spec itself forbids stays forbidden.
        at_rest: Whether no user is disturbed by what the object's own limit allows, so that no window counts.
        is_overridden: Whether the caller set the limit in place of the spec.
    """

    now: datetime
    approved: bool
    at_rest: bool
    is_overridden: bool = False


def judge(actions: Sequence[Action], case: Case) -> tuple[tuple[Action, ...], tuple[Held, ...]]:
    """
    Split one object's steps into those allowed and those held; what follows a held step is held with it.

    A step that only waits for its window does not hold starts and stops.
    """
    for index, action in enumerate(actions):
        hold = _forbidden(action)
        if hold is None and not case.approved:
            hold = _too_costly(action, case) or _too_early(action, case)
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
    """Return how the limit is raised to the effect of a step, where it was set."""
    if case.is_overridden:
        return f"use --max-effect {action.effect}"
    windows = action.policy.windows
    if windows and all(window.max_effect for window in windows):
        return f'set "maxEffect: {action.effect}" for one of its "update.windows"'
    return f'set "update.maxEffect: {action.effect}"'


def _too_early(action: Action, case: Case) -> Held | None:
    policy = action.policy
    limit = allowed(policy, case.now)
    is_free = action.verb.is_ordered or (case.at_rest and action.effect <= policy.max_effect)
    if is_free or (limit is not None and action.effect <= limit):
        return None
    window = next_window(policy, action.effect, case.now)
    until, when = window.next_start(case.now), window.next_start_text(case.now)
    return Held(action, Hold.WINDOW, f"opens {when}", "approve this plan, or wait", until)
