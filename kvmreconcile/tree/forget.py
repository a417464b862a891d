"""
Take out of what is what a spec said earlier and no longer says.

Three trees take part, so this also finds out which member of the earlier spec is which of the present one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kvmreconcile.tree.match import Doubt, match, pair
from kvmreconcile.tree.merge import satisfying
from kvmreconcile.tree.node import COMMENT, NONE, Node
from kvmreconcile.tree.paths import at, under
from kvmreconcile.tree.rules import Rules
from kvmreconcile.tree.variants import for_whole


@dataclass(frozen=True, slots=True)
class Succession:
    """
    How the children of an actual element, of an earlier and of the present spec correspond, by their indices.

    Attributes:
        actual: For each child of the earlier spec the actual one.
        stays: For each child of the present spec the actual one.
        desired: For each child of the earlier spec the present one.
        doubts: Lists of which it is not clear which earlier member is which present one.
    """

    actual: Mapping[int, int]
    stays: Mapping[int, int]
    desired: Mapping[int, int]
    doubts: Sequence[Doubt]


def succession(
    actual: Sequence[Node], asked: Sequence[Node], still: Sequence[Node], path: str, rules: Rules
) -> Succession:
    """Match children of three elements at `path`; two that are the same actual child are the same."""
    actual_of = pair(actual, asked, path, rules, satisfying(rules, path))
    stays = pair(actual, still, path, rules, satisfying(rules, path))
    asked_of = {had: index for index, had in actual_of.items()}
    desired = {asked_of[had]: index for index, had in stays.items() if had in asked_of}
    # What exists under a key of the present spec is that, and succeeds nothing else.
    before = [index for index in range(len(asked)) if index not in desired]
    after = [index for index in range(len(still)) if index not in stays]
    rest = match(
        [asked[i] for i in before], [still[i] for i in after], path, for_whole(rules), lambda a, b: a == b
    )
    desired |= {before[a]: after[d] for d, a in rest.pairs.items()}
    return Succession(actual_of, stays, desired, rest.doubts)


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
    asked, still = spoken(applied), spoken(desired)
    if not asked:
        return actual.children
    same = succession(actual.children, asked, still, path, rules)
    result: dict[int, Node] = dict(enumerate(actual.children))
    for index, had in same.actual.items():
        child, found, where = asked[index], actual.children[had], under(path, asked[index].tag)
        at_now = same.desired.get(index)
        left = _left(found, child, None if at_now is None else still[at_now], rules, where)
        if at_now is not None and at_now not in same.stays and where in rules.members:
            # Overlay would not know it again by itself.
            left = replace(left, known_as=still[at_now])
        if left is not found:
            result[had] = left
            if left.is_empty() and at_now is None and where not in rules.required:
                del result[had]
    is_same = len(result) == len(actual.children) and all(
        result[i] is c for i, c in enumerate(actual.children)
    )
    return actual.children if is_same else tuple(result.values())


def _left(found: Node, asked: Node, still: Node | None, rules: Rules, path: str) -> Node:
    """Return what is left of an actual element of which an earlier spec asked something."""
    if still is None and _goes_whole(asked, rules, path):
        return Node(asked.tag)
    return forget(found, asked, still or Node(asked.tag), rules, path)


def spoken(tree: Node) -> tuple[Node, ...]:
    """Return the children of a spec's element that ask for something to be there."""
    return tuple(c for c in tree.children if c.tag not in (COMMENT, NONE))


def _goes_whole(child: Node, rules: Rules, path: str) -> bool:
    """Tell whether an element that the spec forgot goes with all that others wrote into it."""
    if path in rules.required:
        return False
    return path in rules.members or path in rules.whole or child.is_empty()
