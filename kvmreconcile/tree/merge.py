"""Merge a desired tree into an actual one (`overlay`)."""

from collections.abc import Sequence
from dataclasses import replace
from operator import is_

from kvmreconcile.tree.match import Same, pair
from kvmreconcile.tree.node import COMMENT, NONE, TEXT, Node
from kvmreconcile.tree.paths import at, under
from kvmreconcile.tree.rows import Owner
from kvmreconcile.tree.rules import Rules
from kvmreconcile.tree.scalars import Measure
from kvmreconcile.tree.variants import for_new


def overlay(actual: Node, desired: Node, rules: Rules, path: str = "") -> Node:
    """
    Return `actual` with the values of `desired`; other values are kept.

    Returns:
        `actual` itself if it already satisfies `desired`, so that callers can compare with `is`.
    """
    merged = _with_children(actual, desired, rules, path)
    attrs, text = _attributes(actual, desired, rules, path), _text(actual, desired, rules, path)
    if attrs is not actual.attrs or text != actual.text:
        merged = replace(merged, attrs=attrs, text=text)
    measure = rules.measures.get(path)
    if measure is not None:
        merged = _with_size(merged, actual, desired, measure)
    return actual if merged is actual else _without_stale(merged, actual, desired, rules, path)


def is_satisfied_by(desired: Node, actual: Node, rules: Rules, path: str = "") -> bool:
    """Return whether an actual element has all values of a desired element."""
    return overlay(actual, desired, rules, path) is actual


def satisfying(rules: Rules, path: str) -> Same:
    """Return a function that tests whether an actual child (in `path`) satisfies a desired child."""
    return lambda have, want: is_satisfied_by(want, have, rules, under(path, want.tag))


def _attributes(actual: Node, desired: Node, rules: Rules, path: str) -> tuple[tuple[str, str], ...]:
    changed = {}
    for name, value in desired.attrs:
        have, where = actual.attr(name), at(path, name)
        if value == have or rules.is_left_alone(where):
            continue
        scalar = rules.scalars.get(where)
        if have is None:
            if not rules.is_implied(where, value, desired):
                changed[name] = value
        elif scalar is None or not scalar.is_satisfied_by(value, have):
            changed[name] = value
    return tuple(sorted((dict(actual.attrs) | changed).items())) if changed else actual.attrs


def _text(actual: Node, desired: Node, rules: Rules, path: str) -> str:
    if not desired.text or desired.text == actual.text:
        return actual.text
    scalar = rules.scalars.get(path)
    if scalar and scalar.is_satisfied_by(desired.text, actual.text):
        return actual.text
    return desired.text


def _with_size(merged: Node, actual: Node, desired: Node, measure: Measure) -> Node:
    """Return the element with the actual value and unit if sizes are equal, else with the desired ones."""
    name, unit = measure.value.removeprefix("@"), measure.unit.removeprefix("@")
    value = desired.attr(name) if name else desired.text
    if not value:
        return merged
    have = actual.attr(name) if name else actual.text
    size = measure.bytes(value, desired.attr(unit))
    attrs = dict(merged.attrs)
    if have and size is not None and size == measure.bytes(have, actual.attr(unit)):
        kept = {key: actual.attr(key) for key in (name, unit)}
        text = merged.text if name else actual.text
    else:
        kept, text = {unit: desired.attr(unit)}, merged.text
    attrs |= {key: kind for key, kind in kept.items() if kind is not None}
    new = tuple(sorted((k, v) for k, v in attrs.items() if kept.get(k, "") is not None))
    if (new, text, merged.children) == (actual.attrs, actual.text, actual.children):
        return actual
    return replace(merged, attrs=new, text=text)


def _with_children(actual: Node, desired: Node, rules: Rules, path: str) -> Node:
    wanted = tuple(c for c in desired.children if _is_requested(c, rules, path))
    closed, denied = _absent(desired, wanted, rules, path)
    if not wanted and not closed and not denied:
        return actual
    pairs = pair(actual.children, wanted, path, rules, satisfying(rules, path))
    partner = {have: want for want, have in pairs.items()}
    result: list[Node] = []
    for index, child in enumerate(actual.children):
        if index in partner:
            result.append(overlay(child, wanted[partner[index]], rules, under(path, child.tag)))
        elif child.tag not in closed and not _is_denied(child, denied, rules, path):
            result.append(child)
    for index, child in enumerate(wanted):
        if index not in pairs and not _is_implied(child, rules, under(path, child.tag)):
            insert(result, _create(child, rules, under(path, child.tag)))
    same = len(result) == len(actual.children) and all(map(is_, result, actual.children))
    return actual if same else replace(actual, children=tuple(result))


def _is_requested(child: Node, rules: Rules, path: str) -> bool:
    return child.tag not in (COMMENT, NONE) and not rules.is_left_alone(under(path, child.tag))


def _absent(desired: Node, wanted: Sequence[Node], rules: Rules, path: str) -> tuple[set[str], list[Node]]:
    """Return the tags with only desired elements, and the elements that must not match any child."""
    markers = [c for c in desired.children if c.tag == NONE]
    closed = {c.text for c in markers if not c.children}
    for child in wanted:
        members = rules.members.get(under(path, child.tag))
        if members and members.owner is not Owner.SHARED:
            closed.add(child.tag)
    return closed, [element for marker in markers for element in marker.children]


def _is_denied(child: Node, denied: Sequence[Node], rules: Rules, path: str) -> bool:
    where = under(path, child.tag)
    return any(d.tag == child.tag and is_satisfied_by(d, child, rules, where) for d in denied)


def _is_implied(new: Node, rules: Rules, path: str) -> bool:
    """Return whether an element means the same as no element."""
    if path not in rules.implied and (new.is_empty() or path in rules.members):
        return False
    if new.text and not rules.is_implied(path, new.text, new):
        return False
    return all(rules.is_implied(at(path, k), v, new) for k, v in new.attrs) and all(
        c.tag == NONE or _is_implied(c, rules, under(path, c.tag)) for c in new.children
    )


def insert(children: list[Node], new: Node) -> None:
    """Insert a new element after the last element with its tag, as the order can matter."""
    if new.tag == TEXT:
        children.append(new)
        return
    # Searched from the end, which is fast if there are thousands of elements with one tag.
    places = reversed(range(len(children)))
    last = next((i for i in places if children[i].tag == new.tag), len(children) - 1)
    children.insert(last + 1, new)


def _create(new: Node, rules: Rules, path: str) -> Node:
    """Return a new element with its creation defaults, and without markers of absence."""
    if new.tag in (TEXT, COMMENT):
        return new
    return overlay(replace(rules.creation_default(path, new), prefix=new.prefix), new, for_new(rules), path)


def _without_stale(proposed: Node, actual: Node, desired: Node, rules: Rules, path: str) -> Node:
    """Remove values that libvirt derived from a changed value, unless the spec sets them."""
    for reset in rules.resets.get(path) or ():
        before = _value(actual, reset.when)
        if _value(proposed, reset.when) == before or (before is None and not reset.implied):
            continue
        for stale in reset.drop:
            if not _has(desired, stale):
                proposed = proposed.without(stale)
    return proposed


def _value(node: Node, path: str) -> Node | str | None:
    return node.get(path) if "@" in path else node.find(path)


def _has(desired: Node, path: str) -> bool:
    return _value(desired, path) is not None
