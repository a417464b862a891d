"""
Leave parts of an object unchanged if libvirt refused to change them, and undo the stored changes.

A change is stored before it is applied to the running object. If libvirt refuses to apply the
change, the stored change is undone, unless another tool has changed the part since. Pure.
"""

from collections.abc import Iterator
from dataclasses import replace

from kvmreconcile.model import Actual, Desired
from kvmreconcile.plan.secrets.masks import reveal_change
from kvmreconcile.tree import Change, Node, Rules, holds, overlap, transplant, undo, value_at
from kvmreconcile.tree.running import steps_in


def without_refused(desired: Desired, actual: Actual, rules: Rules) -> Node:
    """
    Return an object's stored definition with the refused changes undone.

    Returns:
        The stored tree itself if it contains none of the changes.
    """
    return undo(actual.tree, _to_undo(desired, actual, rules), rules)


def _to_undo(desired: Desired, actual: Actual, rules: Rules) -> Iterator[Change]:
    """
    Yield the changes to undo, with their secrets.

    A change with an unknown secret is not undone.
    """
    if desired.refused_parts is None:
        return
    live, tree = actual.live, actual.tree
    sources = (live, desired.tree) if live else (desired.tree,)
    for change in (*desired.refused_parts.undo, *desired.refused_parts.beside):
        known = reveal_change(change, tree, sources, rules)
        in_force = (
            change in desired.refused_parts.beside
            and live is not None
            and known
            and holds(known, live, rules)
        )
        if known and not in_force:
            yield known


def keep_refused_parts(desired: Desired, actual: Actual, rules: Rules) -> Desired:
    """Return a desired object whose refused parts have the values from before the change."""
    if desired.refused_parts is None:
        return desired
    tree, source = desired.tree, without_refused(desired, actual, rules)
    # In reverse order, since removing an element changes the positions of later elements.
    for part in reversed(desired.refused_parts.parts):
        # A device whose new key was refused has another key in the stored definition.
        there = steps_in(source, desired.tree, part, rules) or part
        tree = transplant(tree, source, part, rules, there)
    return replace(desired, tree=tree)


def with_refused_parts(said: Node, before: Node, desired: Desired, rules: Rules) -> Node:
    """
    Return the tree of a spec to record, with the earlier values of refused parts that it lacks.

    Args:
        said: The masked tree of the spec.
        before: The recorded tree of the earlier spec.
    """
    for part in desired.refused_parts.parts if desired.refused_parts else ():
        if value_at(said, part, rules) is None:
            said = transplant(said, before, part, rules)
    return said


def is_of_refused_part(change: Change, desired: Desired) -> bool:
    """Return whether a change affects a part that libvirt refused to change."""
    return desired.refused_parts is not None and any(
        overlap(change.steps, part) for part in desired.refused_parts.parts
    )
