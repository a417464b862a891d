"""
Keep parts of an object that libvirt refused to change as they are, and undo their stored changes.

A change is stored before it is brought into force. If libvirt refuses that, the stored change is undone, unless
another tool has changed the part since. Pure.
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
        The stored tree itself if it has none of the changes.
    """
    return undo(actual.tree, _to_undo(desired, actual, rules), rules)


def _to_undo(desired: Desired, actual: Actual, rules: Rules) -> Iterator[Change]:
    """Yield the changes to undo, with their secrets; a change whose secret is no longer known stays stored."""
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
    """Return a desired object in which the refused parts are as they are without the change."""
    if desired.refused_parts is None:
        return desired
    tree, source = desired.tree, without_refused(desired, actual, rules)
    # Last first: removing an element changes the position of the elements after it.
    for part in reversed(desired.refused_parts.parts):
        # A device whose new key was refused has another key in the stored definition.
        there = steps_in(source, desired.tree, part, rules) or part
        tree = transplant(tree, source, part, rules, there)
    return replace(desired, tree=tree)


def with_refused_parts(said: Node, before: Node, desired: Desired, rules: Rules) -> Node:
    """Return the recorded tree of a spec, with the values that an earlier spec set in refused parts."""
    for part in desired.refused_parts.parts if desired.refused_parts else ():
        if value_at(said, part, rules) is None:
            said = transplant(said, before, part, rules)
    return said


def is_of_refused_part(change: Change, desired: Desired) -> bool:
    """Return whether a change is of a part that libvirt refused to change."""
    return desired.refused_parts is not None and any(
        overlap(change.steps, part) for part in desired.refused_parts.parts
    )
