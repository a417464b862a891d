"""
Match the members of a running definition with those of the stored definition, even if keys differ.

A running object keeps the keys that it was started with, but specs are compared with the stored
definition. Therefore, each running member is matched with a desired member through its stored counterpart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.diff import child_step, locate
from kvmreconcile.tree.forget import match_successors, requested_children
from kvmreconcile.tree.match import Ambiguity, Matches, match, pair
from kvmreconcile.tree.merge import overlay, satisfying
from kvmreconcile.tree.node import Node, make
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rows import Members
from kvmreconcile.tree.rules import Rules
from kvmreconcile.tree.variants import for_counterparts


def link_to_desired(running: Node, stored: Node, desired: Node, rules: Rules) -> Node:
    """Return the running definition with links from members to the matching desired members."""
    for path in _lists(rules):
        counterparts = _match_stored(running, stored, path, rules).pairs
        running = _with_links(running, path, _desired_members(counterparts, stored, desired, path, rules))
    return running


def link_to_proposed(
    running: Node, stored: Node, proposed: Node, desired: Node, rules: Rules
) -> tuple[Node, tuple[Ambiguity, ...]]:
    """
    Return the running definition with links through the proposed stored definition, and ambiguities.

    A member is ambiguous if several stored members could match it, or if storing the proposed definition
    would make a match impossible.

    Args:
        stored: The current stored definition.
        proposed: The definition that is about to be stored.
    """
    ambiguities: list[Ambiguity] = []
    for path in _lists(rules):
        counterparts = _match_stored(running, proposed, path, rules)
        later = _desired_members(counterparts.pairs, proposed, desired, path, rules)
        tags = {child.tag for child in _wanted(desired, path, rules)}
        ambiguities += (each for each in counterparts.ambiguities if each.want[0].tag in tags)
        if proposed is not stored:
            now = _desired_members(
                _match_stored(running, stored, path, rules).pairs, stored, desired, path, rules
            )
            children = _children(running, path)
            lost = (index for index, known in now.items() if later.get(index) is not known)
            ambiguities += (Ambiguity(under(path, now[i].tag), (children[i],), (now[i],)) for i in lost)
        running = _with_links(running, path, later)
    return running, tuple(ambiguities)


def _desired_members(
    counterparts: Mapping[int, int], stored: Node, desired: Node, path: str, rules: Rules
) -> Mapping[int, Node]:
    """Return the desired member of each running member, by the index of the running member."""
    wanted = _children(desired, path)
    meant = pair(_children(stored, path), wanted, path, rules, satisfying(rules, path))
    return {counterparts[had]: wanted[index] for index, had in meant.items() if had in counterparts}


def _with_links(running: Node, path: str, known: Mapping[int, Node]) -> Node:
    return _with_children(running, path, _link(_children(running, path), known)) if known else running


def _link(children: Sequence[Node], known: Mapping[int, Node]) -> Iterator[Node]:
    for index, child in enumerate(children):
        yield replace(child, known_as=known[index]) if index in known else child


def with_desired_keys(running: Node, rules: Rules) -> Node:
    """Return a definition with the keys of each linked member set to those of its desired member."""
    for path in _lists(rules):
        children = (_with_keys(c, rules.members.get(under(path, c.tag))) for c in _children(running, path))
        running = _with_children(running, path, children)
    return running


def _with_keys(child: Node, members: Members | None) -> Node:
    known = child.known_as
    if known is None or members is None:
        return child
    for place in (place for key in members.keys for place in key):
        value = known.get(place)
        if value is not None:
            child = overlay(child, _element_with(child.tag, place, value), _BARE)
    return child


def _element_with(tag: str, place: str, value: str) -> Node:
    """Return an element that contains only the value at a place inside the element."""
    head, _, rest = place.partition("/")
    if head.startswith("@"):
        return make(tag, {head[1:]: value})
    return make(tag, children=(_element_with(head, rest, value),)) if head else make(tag, text=value)


def link_successors(actual: Node, before: Node | None, desired: Node, rules: Rules) -> Node:
    """
    Return `actual` with links from members of the earlier spec to their successors in the current spec.

    Only members that the current spec does not match otherwise are linked.

    Args:
        before: The tree of the earlier spec; None if it is unchanged or unknown.
    """
    for path in _lists(rules) if before is not None else ():
        earlier, wanted = (_wanted(tree, path, rules) for tree in (before or actual, desired))
        same = match_successors(_children(actual, path), earlier, wanted, path, rules)
        later = {had: same.desired[index] for index, had in same.actual.items() if index in same.desired}
        known = {had: wanted[index] for had, index in later.items() if index not in same.stays}
        actual = _with_links(actual, path, known)
    return actual


def steps_in(running: Node, stored: Node, steps: tuple[str, ...], rules: Rules) -> tuple[str, ...] | None:
    """
    Return the steps of a part in the running definition, given its steps in the stored definition.

    If the stored definition lacks the part, the steps are unchanged. Returns None if a stored part has no
    running counterpart.
    """
    for path in _lists(rules):
        above = tuple(path.split("/")) if path else ()
        depth = len(above) + 1
        counterpart = locate(stored, steps[:depth], rules) if steps[: depth - 1] == above else None
        if counterpart is not None:
            index = next(i for i, child in enumerate(_children(stored, path)) if child is counterpart)
            found = _match_stored(running, stored, path, rules).pairs.get(index)
            holder = running.find(path)
            if found is None or holder is None:
                return None
            own = child_step(holder.children[found], holder, rules, under(path, counterpart.tag))
            return (*above, own, *steps[depth:])
    return steps


def is_invisible(change: Change, tree: Node, rules: Rules) -> bool:
    """
    Return whether a change never shows in a running definition.

    Args:
        tree: The definition after the change.
    """
    row = rules.invisible.get(change.rule)
    member = locate(tree, change.steps[: row.at.count("/") + 1], rules) if row else None
    return row is not None and member is not None and row.when(member)


def ambiguities(actual: Node, before: Node | None, desired: Node, rules: Rules) -> Iterator[Ambiguity]:
    """
    Yield an ambiguity for each list in which members of a spec could match several actual members.

    Args:
        before: The tree of the earlier spec; None if it is irrelevant.
    """
    for path in _lists(rules):
        have, want = _children(actual, path), _wanted(desired, path, rules)
        yield from match(have, want, path, rules, satisfying(rules, path)).ambiguities
        if before is not None:
            earlier = _wanted(before, path, rules)
            yield from match_successors(have, earlier, want, path, rules).ambiguities


def _match_stored(running: Node, stored: Node, path: str, rules: Rules) -> Matches:
    rules = for_counterparts(rules)
    return match(_children(running, path), _children(stored, path), path, rules, satisfying(rules, path))


def _lists(rules: Rules) -> tuple[str, ...]:
    """Return the paths of elements with members that have different keys while the object runs."""
    holders = (path.rpartition("/")[0] for path, members in rules.members.rows if members.running)
    return tuple(dict.fromkeys(holders))


def _wanted(desired: Node, path: str, rules: Rules) -> tuple[Node, ...]:
    """Return the members of an element in the spec, without ignored members."""
    requested = requested_children(desired.find(path) or Node(""))
    return tuple(child for child in requested if not rules.is_left_alone(under(path, child.tag)))


def _children(tree: Node, path: str) -> tuple[Node, ...]:
    node = tree.find(path)
    return node.children if node else ()


def _with_children(tree: Node, path: str, children: Iterable[Node]) -> Node:
    """Return a tree with the children of the element at a path replaced."""
    head, _, rest = path.partition("/")
    holder = tree.child(head) if head else None
    if holder is None:
        return tree if head else replace(tree, children=tuple(children))
    new = _with_children(holder, rest, children)
    return replace(tree, children=tuple(new if c is holder else c for c in tree.children))


_BARE = Rules()
