"""A second, simple implementation of the engine's operations, for comparison with the engine."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from kvmreconcile.tree import NONE, Node, Owner, Rules
from kvmreconcile.tree.node import COMMENT
from kvmreconcile.tree.paths import at, under


def plain(node: Node) -> Node:
    """Return a tree without comments, with its elements sorted by tag."""
    children = tuple(plain(c) for c in sorted(node.children, key=lambda c: c.tag) if c.tag != COMMENT)
    return replace(node, children=children)


def leaves(node: Node, path: str = "") -> Counter[tuple[str, str]]:
    """Return every attribute and text with its path and number of occurrences."""
    found = Counter({(at(path, name), value): 1 for name, value in node.attrs})
    if node.text:
        found[path, node.text] += 1
    for child in node.children:
        found[under(path, child.tag), ""] += 0
        found += leaves(child, under(path, child.tag))
    return found


def presences(node: Node, path: str = "") -> Iterator[str]:
    """Yield the paths of elements without attributes, text and children."""
    for child in node.children:
        where = under(path, child.tag)
        if child.is_empty():
            yield where
        yield from presences(child, where)


def says(tree: Node, desired: Node, rules: Rules, path: str = "") -> bool:
    """Return whether a tree contains everything in a spec."""
    if rules.measures.get(path) is not None:
        return _measures(tree, desired, rules, path) and _elements(tree, desired, rules, path)
    values = all(
        rules.is_left_alone(at(path, name))
        or tree.attr(name) == value
        or (tree.attr(name) is None and rules.is_implied(at(path, name), value, desired))
        or _alike(value, tree.attr(name), rules, at(path, name))
        for name, value in desired.attrs
    )
    text = not desired.text or desired.text == tree.text or _alike(desired.text, tree.text, rules, path)
    return values and text and _elements(tree, desired, rules, path)


def _alike(desired: str, actual: str | None, rules: Rules, path: str) -> bool:
    scalar = rules.scalars.get(path)
    return scalar is not None and actual is not None and scalar.is_satisfied_by(desired, actual)


def _measures(tree: Node, desired: Node, rules: Rules, path: str) -> bool:
    measure = rules.measures.get(path)
    if measure is None or not (want := desired.get(measure.value) if measure.value else desired.text):
        return True
    have = tree.get(measure.value) if measure.value else tree.text
    unit = measure.unit.removeprefix("@")
    return have == want or measure.bytes(want, desired.attr(unit)) == measure.bytes(
        have or "", tree.attr(unit)
    )


def _elements(tree: Node, desired: Node, rules: Rules, path: str) -> bool:
    wanted = [
        c
        for c in desired.children
        if c.tag not in (NONE, COMMENT) and not rules.is_left_alone(under(path, c.tag))
    ]
    for child in wanted:
        where, row = under(path, child.tag), rules.members.get(under(path, child.tag))
        alike = [c for c in tree.children if c.tag == child.tag]
        if row and row.owner is not Owner.SHARED and len(alike) > sum(c.tag == child.tag for c in wanted):
            return False
        if not any(says(c, child, rules, where) for c in alike) and not _need_not_be(child, rules, where):
            return False
    denied = [c for c in desired.children if c.tag == NONE]
    return not any(_is_denied(c, mark, wanted, rules, path) for mark in denied for c in tree.children)


def _is_denied(child: Node, mark: Node, wanted: list[Node], rules: Rules, path: str) -> bool:
    where = under(path, child.tag)
    if any(c.tag == child.tag for c in wanted):
        return False
    return child.tag == mark.text or any(
        like.tag == child.tag and says(child, like, rules, where) for like in mark.children
    )


def _need_not_be(child: Node, rules: Rules, path: str) -> bool:
    """Return whether omitting an element has the same meaning as containing it."""
    return says(Node(child.tag), child, rules, path) and (
        child.attrs != () or child.text != "" or bool(child.children) or path in rules.implied
    )
