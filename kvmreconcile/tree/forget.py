"""
Remove values from the actual tree that the earlier spec set and the current spec does not set.

This requires matching the list members of three trees: actual, earlier spec and current spec.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kvmreconcile.tree.match import Ambiguity, match, pair
from kvmreconcile.tree.merge import satisfying
from kvmreconcile.tree.node import COMMENT, NONE, Node
from kvmreconcile.tree.paths import at, under
from kvmreconcile.tree.rules import Rules
from kvmreconcile.tree.variants import for_whole


@dataclass(frozen=True, slots=True)
class Successors:
    """
    Matches between the children of an element in the actual tree, the earlier and the current spec.

    Each mapping is from index to index and contains only matched children.

    Attributes:
        actual: From each child in the earlier spec to the actual child.
        stays: From each child in the current spec to the actual child.
        desired: From each child in the earlier spec to the child in the current spec.
        ambiguities: Members of the earlier spec that match several members of the current spec.
    """

    actual: Mapping[int, int]
    stays: Mapping[int, int]
    desired: Mapping[int, int]
    ambiguities: Sequence[Ambiguity]


def match_successors(
    actual: Sequence[Node], earlier: Sequence[Node], present: Sequence[Node], path: str, rules: Rules
) -> Successors:
    """
    Match the children of an element at `path` in the actual tree, the earlier and the current spec.

    Two spec children that match the same actual child match each other.
    """
    actual_of = pair(actual, earlier, path, rules, satisfying(rules, path))
    stays = pair(actual, present, path, rules, satisfying(rules, path))
    earlier_of = {have: index for index, have in actual_of.items()}
    desired = {earlier_of[have]: index for index, have in stays.items() if have in earlier_of}
    # A current member with an actual match is not matched with a different earlier member.
    before = [index for index in range(len(earlier)) if index not in desired]
    after = [index for index in range(len(present)) if index not in stays]
    rest = match(
        [earlier[i] for i in before], [present[i] for i in after], path, for_whole(rules), lambda a, b: a == b
    )
    desired |= {before[a]: after[d] for d, a in rest.pairs.items()}
    return Successors(actual_of, stays, desired, rest.ambiguities)


def forget(actual: Node, applied: Node, desired: Node, rules: Rules, path: str = "") -> Node:
    """
    Return `actual` without values that only the earlier spec set.

    Additions by other tools to an element are kept, unless the element is removed as a whole.

    Args:
        applied: The tree of the earlier spec.
        desired: The tree of the current spec.
    """
    kept = {name for name, _ in desired.attrs}
    gone = {n for n, _ in applied.attrs if n not in kept and at(path, n) not in rules.required}
    attrs = tuple(a for a in actual.attrs if a[0] not in gone)
    drop_text = applied.text and not desired.text and path not in rules.required
    text = "" if drop_text else actual.text
    children = _children(actual, applied, desired, rules, path)
    if len(attrs) == len(actual.attrs) and text == actual.text and children is actual.children:
        return actual
    return replace(actual, attrs=attrs, text=text, children=children)


def _children(actual: Node, applied: Node, desired: Node, rules: Rules, path: str) -> tuple[Node, ...]:
    earlier, present = requested_children(applied), requested_children(desired)
    if not earlier:
        return actual.children
    same = match_successors(actual.children, earlier, present, path, rules)
    result: dict[int, Node] = dict(enumerate(actual.children))
    for index, have in same.actual.items():
        child, found, where = earlier[index], actual.children[have], under(path, earlier[index].tag)
        now = same.desired.get(index)
        remaining = _remaining(found, child, None if now is None else present[now], rules, where)
        if now is not None and now not in same.stays and where in rules.members:
            # `overlay` could not match this member by its keys.
            remaining = replace(remaining, known_as=present[now])
        if remaining is not found:
            result[have] = remaining
            if remaining.is_empty() and now is None and where not in rules.required:
                del result[have]
    is_same = len(result) == len(actual.children) and all(
        result[i] is c for i, c in enumerate(actual.children)
    )
    return actual.children if is_same else tuple(result.values())


def _remaining(found: Node, earlier: Node, present: Node | None, rules: Rules, path: str) -> Node:
    """Return an actual element without the values that only the earlier spec set."""
    if present is None and _is_removed_whole(earlier, rules, path):
        return Node(earlier.tag)
    return forget(found, earlier, present or Node(earlier.tag), rules, path)


def requested_children(tree: Node) -> tuple[Node, ...]:
    """Return the children of a spec's element, without comments and markers of absence."""
    return tuple(c for c in tree.children if c.tag not in (COMMENT, NONE))


def _is_removed_whole(child: Node, rules: Rules, path: str) -> bool:
    """Return whether an element that was dropped from the spec is removed with additions by other tools."""
    if path in rules.required:
        return False
    return path in rules.members or path in rules.whole or child.is_empty()
