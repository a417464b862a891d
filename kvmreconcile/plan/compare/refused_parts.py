"""
Keep the parts of an object as they are that libvirt refused to change, and find what is put back for that.

A change is stored before it is brought into force. Where that is refused, what was stored of it goes back to what it
was, unless another tool has changed it since. Pure.
"""

from collections.abc import Iterator
from dataclasses import replace

from kvmreconcile.model import Actual, Desired
from kvmreconcile.plan.secrets.masks import reveal_change
from kvmreconcile.tree import Change, Node, Rules, holds, overlap, transplant, undo, value_at
from kvmreconcile.tree.running import steps_in


def without_refused(desired: Desired, actual: Actual, rules: Rules) -> Node:
    """
    Return an object's stored definition without the changes that were refused.

    Returns:
        The very tree that is stored where nothing of them is left in it.
    """
    return undo(actual.tree, _to_undo(desired, actual, rules), rules)


def _to_undo(desired: Desired, actual: Actual, rules: Rules) -> Iterator[Change]:
    """Yield what is to be taken back, with its secrets; what is not known any more stays as it is stored."""
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
    """Return what is wanted, with the parts that libvirt refused to change as they are without the change."""
    if desired.kept is None:
        return desired
    tree, source = desired.tree, without_refused(desired, actual, rules)
    # The last first, as what goes may give its name to the next of its like.
    for part in reversed(desired.kept.parts):
        # Of a device whose key was refused, what is there is called otherwise.
        there = steps_in(source, desired.tree, part, rules) or part
        tree = transplant(tree, source, part, rules, there)
    return replace(desired, tree=tree)


def with_kept(said: Node, before: Node, desired: Desired, rules: Rules) -> Node:
    """Return what is remembered of a spec, with what an earlier one said of parts that are still there for that."""
    for part in desired.kept.parts if desired.kept else ():
        if value_at(said, part, rules) is None:
            said = transplant(said, before, part, rules)
    return said


def is_kept(change: Change, desired: Desired) -> bool:
    """Return whether a change is of a part that stays as it is."""
    return desired.kept is not None and any(overlap(change.steps, part) for part in desired.kept.parts)
