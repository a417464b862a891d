"""Find values that libvirt keeps differently from the request, so that they are not planned again."""

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
    """Return the values that differ from the request after libvirt accepted it."""
    tree = actual.tree
    changes = diff(tree, overlay(tree, desired.tree, rules), rules)
    return tuple(_settled(c, fingerprint(c), rules) for c in changes)


class Run(Enum):
    """How an object's run relates to the one before a step."""

    SAME = "the same run"
    NEW = "started since"
    WOKEN = "restored from its saved memory, with the hardware of that time"


def run_of(seen: Actual | None, actual: Actual, started: Collection[Key] = ()) -> Run:
    """
    Return whether an object was started since it was observed for the plan.

    Args:
        started: The objects started since then; needed for kinds whose objects have no ID that changes at each start.
    """
    if seen and seen.runtime_id == actual.runtime_id and actual.key not in started:
        return Run.SAME
    return Run.WOKEN if seen and seen.saved else Run.NEW


def find_settled_live(
    desired: Desired, actual: Actual, run: Run, before: Applied | None, kind: Rulebook
) -> tuple[Settled, ...]:
    """
    Return the values of the running object that differ from the request, and that a new start would not change.

    These are all differences right after a start, and those that a verb for running objects left.

    Args:
        before: Its state record before the steps.
    """
    rules = rules_for(desired, kind)
    known = {s.fingerprint for s in before.settled} if before else set()
    sure = in_force(desired, actual, earlier_tree(before, digest(desired, kind.rules)), kind)
    runs = compare_running(sure.desired, actual, sure.live, None, rules)
    changes = runs.changes
    hot, _ = split_by_effect(runs, rules)
    # A guest restored from a managed save runs the definition from before, and no verb was performed on it.
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
