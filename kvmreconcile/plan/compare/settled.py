"""Find values that libvirt stores differently than requested, to avoid planning them again."""

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
    """Return the values that libvirt has stored differently than requested."""
    tree = actual.tree
    changes = diff(tree, overlay(tree, desired.tree, rules), rules)
    return tuple(_settled(c, fingerprint(c), rules) for c in changes)


class Run(Enum):
    """Whether an object was started since it was observed for the plan."""

    SAME = "not started since"
    NEW = "started since"
    WOKEN = "restored from its managed save, with the hardware of that time"


def run_of(seen: Actual | None, actual: Actual, started: Collection[Key] = ()) -> Run:
    """
    Return whether an object was started since it was observed for the plan.

    Args:
        seen: The object as observed for the plan, None if it did not exist.
        actual: The object as observed now.
        started: The objects that were started since. Networks and pools need this, since they do
            not get a new ID at each start.
    """
    if seen and seen.runtime_id == actual.runtime_id and actual.key not in started:
        return Run.SAME
    return Run.WOKEN if seen and seen.saved else Run.NEW


def find_settled_live(
    desired: Desired, actual: Actual, run: Run, before: Applied | None, kind: Rulebook
) -> tuple[Settled, ...]:
    """
    Return the differences between a running object and its spec that a restart would not remove.

    After a start, these are all differences. Otherwise they are the differences that remain
    although a step has changed the value in the running object.

    Args:
        run: Whether the object was started since it was observed for the plan.
        before: The state record before the steps.
    """
    rules = rules_for(desired, kind)
    known = {s.fingerprint for s in before.settled} if before else set()
    sure = in_force(desired, actual, earlier_tree(before, digest(desired, kind.rules)), kind)
    runs = compare_running(sure.desired, actual, sure.live, None, rules)
    changes = runs.changes
    hot, _ = split_by_effect(runs, rules)
    # A guest restored from a managed save runs with its saved definition, which no verb changed.
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
