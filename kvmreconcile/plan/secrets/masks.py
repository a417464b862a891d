"""
Replace secret values with a mark before they are stored, and restore the values later.

The values are restored from trees that still contain them. Pure.
"""

from collections.abc import Iterable
from dataclasses import replace

from kvmreconcile.tree import Change, Node, Rules, Table, value_at
from kvmreconcile.tree.match import pair
from kvmreconcile.tree.node import COMMENT
from kvmreconcile.tree.paths import at, under

SECRET = "(secret)"  # noqa: S105  a mark, not a secret
"""The mark in place of a secret value."""


def mask(tree: Node, rules: Rules, path: str = "") -> Node:
    """
    Return a tree with every secret value replaced with a mark.

    Args:
        path: The path of the tree's root.
    """
    return _masked(tree, rules.secrets, path)


def _masked(tree: Node, secrets: Table[bool], path: str) -> Node:
    attrs = tuple((k, SECRET if at(path, k) in secrets else v) for k, v in tree.attrs)
    text = SECRET if tree.text and path in secrets else tree.text
    # A comment may be a password that was commented out.
    children = tuple(_masked(c, secrets, under(path, c.tag)) for c in tree.children if c.tag != COMMENT)
    return replace(tree, attrs=attrs, text=text, children=children)


def mask_change(change: Change, rules: Rules) -> Change:
    """Return a change with every secret value replaced with a mark."""
    return replace(change, old=_value(change.old, change, rules), new=_value(change.new, change, rules))


def _value(value: Node | str | None, change: Change, rules: Rules) -> Node | str | None:
    if isinstance(value, Node):
        return mask(value, rules, change.rule)
    return SECRET if value is not None and change.rule in rules.secrets else value


def revealed(masked: Node, now: Node, rules: Rules, path: str) -> Node | None:
    """
    Return a tree with its masked values taken from another tree; None if one is missing there.

    All marks are replaced, even at paths that are no longer secret, since an earlier spec may have
    had other secret paths.

    Args:
        masked: The tree with masked values.
        now: The tree with the values.
        path: The path of both roots in the rules.
    """
    attrs = tuple((k, now.attr(k) if v == SECRET else v) for k, v in masked.attrs)
    text = (now.text or None) if masked.text == SECRET else masked.text
    pairs = pair(now.children, masked.children, path, rules, lambda a, b: a == b)
    children = [
        revealed(c, now.children[pairs[i]] if i in pairs else Node(c.tag), rules, under(path, c.tag))
        for i, c in enumerate(masked.children)
    ]
    known = tuple((k, v) for k, v in attrs if v is not None)
    whole = tuple(c for c in children if c is not None)
    if text is None or len(known) < len(attrs) or len(whole) < len(children):
        return None
    return replace(masked, attrs=known, text=text, children=whole)


def reveal_change(change: Change, now: Node, sources: Iterable[Node], rules: Rules) -> Change | None:
    """
    Return a change with its secrets, or None if they are not known.

    Args:
        now: The tree in which the change was made.
        sources: Trees that may still contain the values from before the change.
    """
    new = _found(change.new, change, (now,), rules)
    old = _found(change.old, change, sources, rules)
    is_known = (new is None) == (change.new is None) and (old is None) == (change.old is None)
    return replace(change, old=old, new=new) if is_known else None


def _found(
    value: Node | str | None, change: Change, sources: Iterable[Node], rules: Rules
) -> Node | str | None:
    """Return a value of a change with its secrets, from the first tree that has all of them."""
    if isinstance(value, Node):
        places = (value_at(tree, change.steps, rules) for tree in sources)
        elements = (place if isinstance(place, Node) else Node(value.tag) for place in places)
        found = (revealed(value, element, rules, change.rule) for element in elements)
        return next((node for node in found if node is not None), None)
    if value != SECRET:
        return value
    seen = (_text(value_at(tree, change.steps, rules)) for tree in sources)
    return next((text for text in seen if text), None)


def _text(value: Node | str | None) -> str | None:
    return value.text if isinstance(value, Node) else value
