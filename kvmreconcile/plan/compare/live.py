"""
Find differences between a running object and its spec.

`compare` also covers the stored definition. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmreconcile.model import Actual, Desired
from kvmreconcile.plan.compare.refused_parts import is_of_refused_part
from kvmreconcile.tree import Change, Node, Rules, diff, forget, overlay, paths
from kvmreconcile.tree.automatic import without_automatic
from kvmreconcile.tree.running import is_invisible, link_to_desired, with_desired_keys
from kvmreconcile.tree.variants import for_running


@dataclass(frozen=True, slots=True)
class Running:
    """
    The differences between a running object and its spec.

    Attributes:
        definition: The running definition, with members renamed to the keys that the changes use.
            It is the stored definition if the object is inactive.
        changes: The differences.
    """

    definition: Node
    changes: tuple[Change, ...] = ()


def without_forgotten(tree: Node, before: Node | None, desired: Desired, rules: Rules) -> Node:
    """
    Return a definition without the values that the earlier spec set and the present spec does not.

    Args:
        before: The tree of the earlier spec, None if it is the same as now.
    """
    return tree if before is None else forget(tree, before, desired.tree, rules)


def compare_running(
    desired: Desired, actual: Actual, live: Node | None, before: Node | None, rules: Rules
) -> Running:
    """
    Return the differences between a running object and its spec. The stored definition is ignored.

    Args:
        live: The running definition, with members renamed to the keys that the spec uses; None if
            the object is inactive.
        before: The tree of the earlier spec, None if it is the same as now.
    """
    if live is None:
        return Running(actual.tree)
    rules = for_running(rules)
    wanted = without_automatic(desired.tree, rules)
    proposed = overlay(without_forgotten(live, before, desired, rules), wanted, rules)
    ours = rules.rebooting if desired.policy.lifecycle.reboot_applies else paths()
    changes = tuple(
        change
        for change in diff(live, proposed, rules)
        if change.rule not in rules.live_ignored
        and change.rule not in ours
        and not is_of_refused_part(change, desired)
        and not is_invisible(change, proposed, rules)
    )
    return Running(with_desired_keys(live, rules) if changes else live, changes)


def live_changes(desired: Desired, actual: Actual, rules: Rules) -> Iterator[Change]:
    """Yield the differences between a running object and its spec, without values to be removed."""
    if actual.live is not None:
        stored = overlay(actual.tree, desired.tree, rules)
        live = link_to_desired(actual.live, stored, desired.tree, rules)
        yield from compare_running(desired, actual, live, None, rules).changes
