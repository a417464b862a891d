"""
Take changes back in a tree, and copy one part of a tree into another.

A change is taken back only where the tree still has what it brought, so that later changes by others stay.
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
    Return a tree in which every change that it still holds is taken back, the last one first.

    Returns:
        The very same object where it holds none of them.
    """
    for change in reversed(tuple(changes)):
        if change.steps and holds(change, tree, rules):
            tree = put(tree, change.steps, change.old if _is_whole(change) else change.old or "", rules)
    return tree


def holds(change: Change, tree: Node, rules: Rules) -> bool:
    """Tell whether a tree has what a change brought, whatever others added to it."""
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
    """Tell whether one of two places is the other, or inside it."""
    return all(a == b for a, b in zip(one, other, strict=False))


def transplant(tree: Node, source: Node, steps: Steps, rules: Rules, there: Steps = ()) -> Node:
    """
    Return a tree in which the part that `steps` name is as in another tree: there with all it has there, or not at all.

    Where the tree lacks the element around the part, it gets that element as a whole, as a part of it alone would ask
    for another element.

    Args:
        there: What the part is called in the other tree, if not the same.
    """
    for end in range(1, len(steps) + 1):
        place = steps[:end]
        if end == len(steps) or (value_at(tree, place, rules) is None and not _is_container(place, rules)):
            return put(tree, place, value_at(source, (there or steps)[:end], rules), rules)
    return tree


def value_at(tree: Node, steps: Steps, rules: Rules) -> Node | str | None:
    """Return the element, or the value of the attribute, that `steps` name; None where it is absent."""
    if not steps or not steps[-1].startswith("@"):
        return locate(tree, steps, rules)
    element = locate(tree, steps[:-1], rules)
    return element.attr(steps[-1][1:]) if element else None


def put(tree: Node, steps: Steps, value: Node | str | None, rules: Rules, rule: str = "") -> Node:
    """
    Return a tree with a part set to a value, or taken out for None.

    Args:
        value: An element; or a text, for an attribute or for what an element that is there says.
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
        # What only holds others is nothing without them.
        new = None if isinstance(new, Node) and new.is_empty() and _is_box(new, rules, rule) else new
    elif isinstance(value, str):
        new = replace(old, text=value) if old else None
    return tree if new is old else _with_child(tree, index, new if isinstance(new, Node) else None)


def _with_child(parent: Node, index: int | None, new: Node | None) -> Node:
    """Return an element with the child at an index replaced, taken out for None, or put in where there is none yet."""
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
    said = tuple(sorted(attrs.items()))
    return element if said == element.attrs else replace(element, attrs=said)


def _is_box(element: Node, rules: Rules, rule: str) -> bool:
    return under(rule, element.tag) in rules.containers


def _empty(step: str, rules: Rules, rule: str) -> Node | None:
    """Return the element that a step names where that says nothing by itself, None for any other."""
    return Node(step) if under(rule, step) in rules.containers else None


def _is_container(steps: Steps, rules: Rules) -> bool:
    return "/".join(step.partition("[")[0] for step in steps) in rules.containers


def _is_whole(change: Change) -> bool:
    """Tell whether a change is of an element or attribute as a whole, and not of an element's text."""
    is_attribute = change.steps[-1:] and change.steps[-1].startswith("@")
    return bool(is_attribute) or isinstance(change.old, Node) or isinstance(change.new, Node)
