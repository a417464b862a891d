"""Find what libvirt keeps otherwise than it was asked, so that it is not planned again."""

from collections.abc import Collection
from enum import Enum

from kvmreconcile.model import Actual, Applied, Desired, Key, Settled
from kvmreconcile.plan.compare.digests import digest, fingerprint, live_mark
from kvmreconcile.plan.compare.in_force import earlier_tree, in_force, rules_for
from kvmreconcile.plan.compare.live import compare_running
from kvmreconcile.plan.compare.steps import split_by_effect
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Change, Node, Rules, diff, overlay


def find_settled(desired: Desired, actual: Actual, rules: Rules) -> tuple[Settled, ...]:
    """Return what libvirt answered otherwise than it was asked, after it was asked."""
    tree = actual.tree
    changes = diff(tree, overlay(tree, desired.tree, rules), rules)
    return tuple(_settled(c, fingerprint(c), rules) for c in changes)


class Run(Enum):
    """How an object's run relates to the one before something was done to it."""

    SAME = "the same run"
    NEW = "started since"
    WOKEN = "woken since from its saved memory, with the hardware it had"


def run_of(seen: Actual | None, actual: Actual, started: Collection[Key] = ()) -> Run:
    """
    Return how an object's run relates to the one that was observed when the plan was made.

    Args:
        started: What was started since; where libvirt does not number the runs, only this shows a new one.
    """
    if seen and seen.runtime_id == actual.runtime_id and actual.key not in started:
        return Run.SAME
    return Run.WOKEN if seen and seen.saved else Run.NEW


def find_settled_live(
    desired: Desired, actual: Actual, run: Run, before: Applied | None, kind: Rulebook
) -> tuple[Settled, ...]:
    """
    Return what the running object has otherwise than it was asked, and what no new start would change.

    That is all that is left right after a start, and what a verb for running objects did not bring about.

    Args:
        before: What was remembered of it before anything was done to it.
    """
    rules = rules_for(desired, kind)
    known = {s.fingerprint for s in before.settled} if before else set()
    sure = in_force(desired, actual, earlier_tree(before, digest(desired, kind.rules)), kind)
    runs = compare_running(sure.desired, actual, sure.live, None, rules)
    changes = runs.changes
    hot, _ = split_by_effect(runs, rules)
    # One that was only woken up runs what was defined before it slept, and no verb was performed on it.
    asked = {Run.SAME: hot, Run.NEW: changes, Run.WOKEN: ()}[run]
    return tuple(_settled(c, live_mark(c), rules) for c in changes if live_mark(c) in known or c in asked)


def _settled(change: Change, mark: str, rules: Rules) -> Settled:
    return Settled(
        change.path, _spelled(change.new, change, rules), _spelled(change.old, change, rules), mark
    )


def _spelled(value: str | Node | None, change: Change, rules: Rules) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Node):
        return f"<{value.tag}>"
    return SECRET if rules.is_secret(change.rule) else value
