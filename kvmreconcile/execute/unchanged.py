"""
Whether an object is still what a plan was made from.

Separate from acting: a plan may wait long for its turn, and what others do meanwhile is not to be written over.
"""

from kvmreconcile.errors import Busy, HostError
from kvmreconcile.model import Actual, Unknown
from kvmreconcile.tree import Rules, diff


def check_same(before: Actual, now: Actual | Unknown | None, rules: Rules) -> None:
    """
    Make sure that nobody has changed an object since it was seen; one that is gone is for drivers to see to.

    Raises:
        Busy: It is not what it was, or something is under way in it that was not.
        HostError: It cannot be observed now.
    """
    if isinstance(now, Unknown):
        why = now.why.removeprefix(f"{now.key}: ")
        raise HostError(f"{now.key} cannot be observed: {why}")
    if now is None:
        return
    if now.job and not before.job:
        raise Busy(f"{now.key}: {now.job}; the next pass or apply after that replans it")
    is_same = (now.uuid, now.stamp) == (before.uuid, before.stamp)
    if not is_same or any(diff(before.tree, now.tree, rules)):
        what = "the object changed after the plan was made"
        raise Busy(f"{now.key}: {what}; the next pass or apply replans it")
