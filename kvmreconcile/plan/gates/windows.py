"""Compute which effect an object's maintenance windows allow at a given time, and when they allow more. Pure."""

from dataclasses import replace
from datetime import datetime

from kvmreconcile.model import Policy, Window
from kvmreconcile.tree import Effect


def highest_effect(policy: Policy) -> Effect:
    """Return up to which effect changes are made at some time or other."""
    if not policy.windows:
        return policy.max_effect
    limits = [w.max_effect or policy.max_effect for w in policy.windows]
    return max(limits if policy.outside is None else (*limits, policy.outside))


def without_windows(policy: Policy) -> Policy:
    """Return a policy that allows at every moment what this one allows at some."""
    return replace(policy, max_effect=highest_effect(policy), windows=())


def allowed(policy: Policy, now: datetime) -> Effect | None:
    """Return the largest effect that is allowed at a given time, or None if none is."""
    if not policy.windows:
        return policy.max_effect
    limits = [w.max_effect or policy.max_effect for w in policy.windows if w.is_open(now)]
    limits += [policy.outside] if policy.outside is not None else []
    return max(limits, default=None)


def next_window(policy: Policy, effect: Effect, now: datetime) -> Window:
    """Return the window that opens first among those that allow an effect; there must be one."""
    wide = (w for w in policy.windows if (w.max_effect or policy.max_effect) >= effect)
    return min(wide, key=lambda w: w.next_start(now))
