"""
Do not change the parts of an object that libvirt refused to change, and find the stored changes to revert.

A change is stored before it is applied to the running object. If libvirt refuses the latter, the stored part is reverted,
unless another tool has changed it since. Pure.
"""

from collections.abc import Iterator
from dataclasses import replace

from kvmreconcile.model import Actual, Desired
from kvmreconcile.plan.secrets.masks import reveal_change
from kvmreconcile.tree import Change, Node, Rules, holds, overlap, transplant, undo, value_at
from kvmreconcile.tree.running import steps_in


def without_refused(desired: Desired, actual: Actual, rules: Rules) -> Node:
    """
    Return an object's stored definition with the refused changes reverted.

    Returns:
        The same tree object if none of them is left in it.
    """
    return undo(actual.tree, _to_undo(desired, actual, rules), rules)


def _to_undo(desired: Desired, actual: Actual, rules: Rules) -> Iterator[Change]:
    """Yield the changes to revert, with their secrets; a change whose secrets are not known any more is left."""
    if desired.kept is None:
        return
    live, tree = actual.live, actual.tree
    sources = (live, desired.tree) if live else (desired.tree,)
    for change in (*desired.kept.undo, *desired.kept.beside):
        known = reveal_change(change, tree, sources, rules)
        in_force = change in desired.kept.beside and live is not None and known and holds(known, live, rules)
        if known and not in_force:
            yield known


def keep_refused_parts(desired: Desired, actual: Actual, rules: Rules) -> Desired:
    """Return the desired tree, without the changes that libvirt refused."""
    if desired.kept is None:
        return desired
    tree, source = desired.tree, without_refused(desired, actual, rules)
    # In reverse order, since a removed member may give its key to the next one of its type.
    for part in reversed(desired.kept.parts):
        # If the key of a device was refused, the actual device has another key.
        there = steps_in(source, desired.tree, part, rules) or part
        tree = transplant(tree, source, part, rules, there)
    return replace(desired, tree=tree)


def with_kept(said: Node, before: Node, desired: Desired, rules: Rules) -> Node:
    """Return the tree of a spec to store, with the parts of an earlier spec that are kept because of a refusal."""
    for part in desired.kept.parts if desired.kept else ():
        if value_at(said, part, rules) is None:
            said = transplant(said, before, part, rules)
    return said


def is_kept(change: Change, desired: Desired) -> bool:
    """Return whether a change is of a part that is not changed."""
    return desired.kept is not None and any(overlap(change.steps, part) for part in desired.kept.parts)
