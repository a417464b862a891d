"""
What may be done unasked: turns steps into a plan in which some are held.

Separate from finding the steps, so that a plan always shows all of them, whatever is allowed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from kvmreconcile.model import Action, Apply, Desired, Held, Hold, Key
from kvmreconcile.plan.applied import fingerprint
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a kind of step one pass may do; more and all of them are held."""

    max_delete_share: float = 0.3
    max_delete: int = 10


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    What the caller of a plan says over the specs.

    Attributes:
        max_effect: Up to which effect to go, in place of each object's own policy.
        approved: Digest of a plan whose held steps are released, if it is still the same plan.
        only: The objects to plan for; None means all.
    """

    max_effect: Effect | None = None
    approved: str | None = None
    only: frozenset[Key] | None = None


def name(actions: Iterable[Action]) -> str:
    """Return the digest that names exactly these steps: what an approval quotes."""
    said = [
        [str(a.key), a.verb, int(a.effect), list(a.steps), [fingerprint(c) for c in a.changes]]
        for a in actions
    ]
    return sha256(json.dumps(said).encode()).hexdigest()[:12]


def overridden(desired: Mapping[Key, Desired], overrides: Overrides) -> Mapping[Key, Desired]:
    """Return what the specs want with the caller's word on how far to go in place of theirs."""
    if overrides.max_effect is None:
        return desired
    limit = overrides.max_effect
    return {k: replace(d, policy=replace(d.policy, max_effect=limit)) for k, d in desired.items()}


def judge(actions: Sequence[Action], *, approved: bool) -> tuple[tuple[Action, ...], tuple[Held, ...]]:
    """
    Split one object's steps into those allowed and those held; what follows a held step is held with it.

    Args:
        approved: Whether what costs more than is allowed unasked was agreed to. What the spec itself forbids
            stays forbidden.
    """
    for index, action in enumerate(actions):
        hold = _forbidden(action) or (None if approved else _too_costly(action))
        if hold:
            rest = tuple(Held(a, hold.hold, hold.detail, hold.release) for a in actions[index:])
            return tuple(actions[:index]), rest
    return tuple(actions), ()


def _forbidden(action: Action) -> Held | None:
    if action.policy.apply is Apply.OBSERVE:
        return Held(action, Hold.OBSERVE, "", 'set "apply: enforce" in the spec')
    if action.policy.protect and action.effect >= Effect.REPLACE:
        return Held(action, Hold.PROTECTED, "", 'take "protect: true" out of the spec')
    return None


def _too_costly(action: Action) -> Held | None:
    limit = action.policy.max_effect
    if action.effect <= limit:
        return None
    detail = f"effect {action.effect}, allowed up to {limit}"
    return Held(action, Hold.EFFECT, detail, f'approve this plan, or set "update.maxEffect: {action.effect}"')


def brake(removals: Sequence[Action], owned: int, limits: Limits) -> str:
    """Return why so many removals are not to be done in one pass, "" if they may be."""
    allowed = min(max(1, int(owned * limits.max_delete_share)), limits.max_delete)
    if len(removals) <= allowed:
        return ""
    return f"{len(removals)} of {owned} objects would go; at most {allowed} may in one pass"
