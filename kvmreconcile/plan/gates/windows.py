"""Hold steps outside of maintenance windows."""

from dataclasses import replace
from datetime import datetime

from kvmreconcile.model import Action, Held, Hold, Policy, Window
from kvmreconcile.tree import Effect


def highest_effect(policy: Policy) -> Effect:
    """Return the largest effect that a policy allows at any time."""
    if not policy.windows:
        return policy.max_effect
    limits = [w.max_effect or policy.max_effect for w in policy.windows]
    return max(limits if policy.outside is None else (*limits, policy.outside))


def without_windows(policy: Policy) -> Policy:
    """Return a policy without windows that always allows the largest effect of a policy."""
    return replace(policy, max_effect=highest_effect(policy), windows=())


def allowed(policy: Policy, now: datetime) -> Effect | None:
    """Return the largest effect that a policy allows at a given time, or None if it allows none."""
    if not policy.windows:
        return policy.max_effect
    limits = [w.max_effect or policy.max_effect for w in policy.windows if w.is_open(now)]
    limits += [policy.outside] if policy.outside is not None else []
    return max(limits, default=None)


def hold_outside_windows(action: Action, now: datetime, *, at_rest: bool) -> Held | None:
    """
    Return the hold of a step whose effect the windows do not allow now, or None.

    Args:
        at_rest: Whether the object is not in use. Its steps then need no window if their effect is
            within the object's limit.
    """
    policy, limit = action.policy, allowed(action.policy, now)
    is_free = action.verb.is_ordered or (at_rest and action.effect <= policy.max_effect)
    if is_free or (limit is not None and action.effect <= limit):
        return None
    window = next_window(policy, action.effect, now)
    until, when = window.next_start(now), window.next_start_text(now)
    return Held(action, Hold.WINDOW, f"opens {when}", "approve this plan, or wait", until)


def next_window(policy: Policy, effect: Effect, now: datetime) -> Window:
    """Return the next window that allows an effect. At least one window must allow it."""
    wide = (w for w in policy.windows if (w.max_effect or policy.max_effect) >= effect)
    return min(wide, key=lambda w: w.next_start(now))
