"""
Undo changes in a tree, and copy a part of one tree into another.

A change is undone only if the tree still has the new value, so that later changes by other tools are kept.
"""

from collections.abc import Iterable
from dataclasses import replace

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.diff import locate, position
from kvmreconcile.tree.merge import insert, is_satisfied_by
from kvmreconcile.tree.node import Node
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import Rules

Steps = tuple[str, ...]


def undo(tree: Node, changes: Iterable[Change], rules: Rules) -> Node:
    """
    Return a tree with changes undone, the last change first.

    A change is only undone if the tree still has the new value.

    Returns:
        `tree` itself if no change is undone.
    """
    for change in reversed(tuple(changes)):
        if change.steps and holds(change, tree, rules):
            tree = put(tree, change.steps, change.old if _is_whole(change) else change.old or "", rules)
    return tree


def holds(change: Change, tree: Node, rules: Rules) -> bool:
    """Return whether a tree has the new value of a change; additions by other tools are ignored."""
    found, new = value_at(tree, change.steps, rules), change.new
    if isinstance(new, Node) and isinstance(found, Node):
        return is_satisfied_by(new, found, rules, change.rule)
    if isinstance(found, Node) and not _is_whole(change):
        found = found.text or None
    scalar = rules.scalars.get(change.rule)
    if scalar and isinstance(new, str) and isinstance(found, str):
        return scalar.is_satisfied_by(new, found)
    return found == new


def overlap(one: Steps, other: Steps) -> bool:
    """Return whether two places are the same, or one contains the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def transplant(tree: Node, source: Node, steps: Steps, rules: Rules, there: Steps = ()) -> Node:
    """
    Return a tree with the part at `steps` copied from `source`, or removed if `source` lacks it.

    If `tree` lacks the parent of the part, the whole parent is copied: a parent with this part alone would
    be a different element.

    Args:
        there: The steps of the part in `source`; empty if they are the same.
    """
    for end in range(1, len(steps) + 1):
        place = steps[:end]
        if end == len(steps) or (value_at(tree, place, rules) is None and not _is_container(place, rules)):
            return put(tree, place, value_at(source, (there or steps)[:end], rules), rules)
    return tree


def value_at(tree: Node, steps: Steps, rules: Rules) -> Node | str | None:
    """Return the element, or the value of the attribute, at `steps`; None if it is absent."""
    if not steps or not steps[-1].startswith("@"):
        return locate(tree, steps, rules)
    element = locate(tree, steps[:-1], rules)
    return element.attr(steps[-1][1:]) if element else None


def put(tree: Node, steps: Steps, value: Node | str | None, rules: Rules, rule: str = "") -> Node:
    """
    Return a tree with the part at `steps` set to a value.

    Args:
        value: An element, the value of an attribute, or the text of an existing element; None removes
            the part.
        rule: The path of `tree` in rules; "" for the root element.
    """
    step, *rest = steps
    if step.startswith("@"):
        return _with_attribute(tree, step[1:], value)
    index = position(tree, step, rules, rule)
    old = None if index is None else tree.children[index]
    new = value
    if rest:
        inside = old or _empty(step, rules, rule)
        new = put(inside, tuple(rest), value, rules, under(rule, inside.tag)) if inside else None
        new = old if new is inside else new
        # An empty container is removed.
        new = (
            None
            if isinstance(new, Node) and new.is_empty() and _is_child_container(new, rules, rule)
            else new
        )
    elif isinstance(value, str):
        new = replace(old, text=value) if old else None
    return tree if new is old else _with_child(tree, index, new if isinstance(new, Node) else None)


def _with_child(parent: Node, index: int | None, new: Node | None) -> Node:
    """
    Return an element with a child replaced, inserted or removed.

    Args:
        index: The index of the child to replace or remove; None to insert a child.
        new: The new child; None to remove the child.
    """
    children = list(parent.children)
    if index is not None:
        del children[index]
    if new and index is not None:
        children.insert(index, new)
    elif new:
        insert(children, new)
    return replace(parent, children=tuple(children))


def _with_attribute(element: Node, name: str, value: Node | str | None) -> Node:
    attrs = {k: v for k, v in element.attrs if k != name}
    if isinstance(value, str):
        attrs[name] = value
    new = tuple(sorted(attrs.items()))
    return element if new == element.attrs else replace(element, attrs=new)


def _is_child_container(element: Node, rules: Rules, rule: str) -> bool:
    return under(rule, element.tag) in rules.containers


def _empty(step: str, rules: Rules, rule: str) -> Node | None:
    """Return the empty container that a step names; None if the step does not name a container."""
    return Node(step) if under(rule, step) in rules.containers else None


def _is_container(steps: Steps, rules: Rules) -> bool:
    return "/".join(step.partition("[")[0] for step in steps) in rules.containers


def _is_whole(change: Change) -> bool:
    """Return whether a change is of an element or attribute, rather than of the text of an element."""
    is_attribute = change.steps[-1:] and change.steps[-1].startswith("@")
    return bool(is_attribute) or isinstance(change.old, Node) or isinstance(change.new, Node)
