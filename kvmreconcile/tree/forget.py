"""
Take out of what is what a spec said earlier and no longer says.

Separate from laying a spec over it: three trees take part in this.
"""

from dataclasses import replace

from kvmreconcile.tree.match import pair
from kvmreconcile.tree.merge import satisfying
from kvmreconcile.tree.node import COMMENT, NONE, Node
from kvmreconcile.tree.place import at, under
from kvmreconcile.tree.rules import Rules


def forget(actual: Node, applied: Node, desired: Node, rules: Rules, path: str = "") -> Node:
    """
    Return `actual` without what we once asked for (`applied`) and no longer do (`desired`).

    What others added to the same element stays, except in one that makes no sense in part.
    """
    said = {name for name, _ in desired.attrs}
    gone = {n for n, _ in applied.attrs if n not in said and at(path, n) not in rules.required}
    attrs = tuple(a for a in actual.attrs if a[0] not in gone)
    drop_text = applied.text and not desired.text and path not in rules.required
    text = "" if drop_text else actual.text
    children = _remembered(actual, applied, desired, rules, path)
    if len(attrs) == len(actual.attrs) and text == actual.text and children is actual.children:
        return actual
    return replace(actual, attrs=attrs, text=text, children=children)


def _remembered(actual: Node, applied: Node, desired: Node, rules: Rules, path: str) -> tuple[Node, ...]:
    asked = tuple(c for c in applied.children if c.tag not in (COMMENT, NONE))
    still = tuple(c for c in desired.children if c.tag not in (COMMENT, NONE))
    if not asked:
        return actual.children
    desired_of = {a: d for d, a in pair(asked, still, path, rules, lambda a, b: a == b).items()}
    actual_of = pair(actual.children, asked, path, rules, satisfying(rules, path))
    result: dict[int, Node] = dict(enumerate(actual.children))
    for index, child in enumerate(asked):
        if index not in actual_of:
            continue
        where, found = under(path, child.tag), actual.children[actual_of[index]]
        if index in desired_of:
            left = forget(found, child, still[desired_of[index]], rules, where)
        elif _goes_whole(child, rules, where):
            left = Node(child.tag)
        else:
            left = forget(found, child, Node(child.tag), rules, where)
        if left is not found:
            result[actual_of[index]] = left
            if left.is_empty() and index not in desired_of and where not in rules.required:
                del result[actual_of[index]]
    same = len(result) == len(actual.children) and all(result[i] is c for i, c in enumerate(actual.children))
    return actual.children if same else tuple(result.values())


def _goes_whole(child: Node, rules: Rules, path: str) -> bool:
    """Tell whether an element that the spec forgot goes with all that others wrote into it."""
    if path in rules.required:
        return False
    return path in rules.members or path in rules.whole or child.is_empty()
