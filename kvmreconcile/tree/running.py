"""
Find the members of a running definition again in the stored one, though their keys were changed there.

A running object keeps the keys that it was started with. What is asked of it is worded by the stored definition, so
each running member is identified through its stored twin.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.diff import label, locate
from kvmreconcile.tree.forget import spoken, succession
from kvmreconcile.tree.match import Doubt, Matches, match, pair
from kvmreconcile.tree.merge import overlay, satisfying
from kvmreconcile.tree.node import Node, make
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import Members, Rules
from kvmreconcile.tree.variants import for_twins


def recognised(running: Node, stored: Node, desired: Node, rules: Rules) -> Node:
    """Return the running definition, in which each member is known as the desired one that its stored twin is."""
    for path in _lists(rules):
        twins = _twins(running, stored, path, rules).pairs
        running = _recognised(running, path, _meant(twins, stored, desired, path, rules))
    return running


def traced(
    running: Node, stored: Node, proposed: Node, desired: Node, rules: Rules
) -> tuple[Node, tuple[Doubt, ...]]:
    """
    Return the running definition, recognised by the one that is about to be stored, and the lists in doubt.

    In doubt are members that several stored ones could be, and those that would not be found again once a definition
    is stored in place of another.
    """
    doubts: list[Doubt] = []
    for path in _lists(rules):
        twins = _twins(running, proposed, path, rules)
        later = _meant(twins.pairs, proposed, desired, path, rules)
        tags = {child.tag for child in _wanted(desired, path, rules)}
        doubts += (doubt for doubt in twins.doubts if doubt.want[0].tag in tags)
        if proposed is not stored:
            now = _meant(_twins(running, stored, path, rules).pairs, stored, desired, path, rules)
            children = _children(running, path)
            lost = (index for index, known in now.items() if later.get(index) is not known)
            doubts += (Doubt(under(path, now[i].tag), (children[i],), (now[i],)) for i in lost)
        running = _recognised(running, path, later)
    return running, tuple(doubts)


def _meant(
    twins: Mapping[int, int], stored: Node, desired: Node, path: str, rules: Rules
) -> Mapping[int, Node]:
    """Return the desired member that each running one is, by the index of that, given its twin's."""
    wanted = _children(desired, path)
    meant = pair(_children(stored, path), wanted, path, rules, satisfying(rules, path))
    return {twins[had]: wanted[index] for index, had in meant.items() if had in twins}


def _recognised(running: Node, path: str, known: Mapping[int, Node]) -> Node:
    return _with_children(running, path, _known_as(_children(running, path), known)) if known else running


def _known_as(children: Sequence[Node], known: Mapping[int, Node]) -> Iterator[Node]:
    for index, child in enumerate(children):
        yield replace(child, known_as=known[index]) if index in known else child


def renamed(running: Node, rules: Rules) -> Node:
    """Return a definition in which each member that is known as another has the keys of that one."""
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
            child = overlay(child, _saying(child.tag, place, value), _BARE)
    return child


def _saying(tag: str, place: str, value: str) -> Node:
    """Return an element that says one value at a place inside it, and nothing else."""
    head, _, rest = place.partition("/")
    if head.startswith("@"):
        return make(tag, {head[1:]: value})
    return make(tag, children=(_saying(head, rest, value),)) if head else make(tag, text=value)


def succeeding(actual: Node, before: Node | None, desired: Node, rules: Rules) -> Node:
    """
    Return `actual`, in which members that only an earlier spec leads to are known as those of the present one.

    Args:
        before: What the earlier spec said, None if it says the same or nothing is known.
    """
    for path in _lists(rules) if before is not None else ():
        asked, wanted = (_wanted(tree, path, rules) for tree in (before or actual, desired))
        same = succession(_children(actual, path), asked, wanted, path, rules)
        later = {had: same.desired[index] for index, had in same.actual.items() if index in same.desired}
        known = {had: wanted[index] for had, index in later.items() if index not in same.stays}
        actual = _recognised(actual, path, known)
    return actual


def steps_in(running: Node, stored: Node, steps: tuple[str, ...], rules: Rules) -> tuple[str, ...] | None:
    """
    Return the steps that name a part of a running definition, given those that name it in the stored one.

    What the stored one does not have is named by the running one. None: it is stored, and nothing like it runs.
    """
    for path in _lists(rules):
        above = tuple(path.split("/")) if path else ()
        depth = len(above) + 1
        twin = locate(stored, steps[:depth], rules) if steps[: depth - 1] == above else None
        if twin is not None:
            index = next(i for i, child in enumerate(_children(stored, path)) if child is twin)
            found = _twins(running, stored, path, rules).pairs.get(index)
            holder = running.find(path)
            if found is None or holder is None:
                return None
            own = label(holder.children[found], holder, rules, under(path, twin.tag))
            return (*above, own, *steps[depth:])
    return steps


def is_invisible(change: Change, tree: Node, rules: Rules) -> bool:
    """Tell whether a change that leads to this definition is of something that a running object never shows."""
    row = rules.invisible.get(change.rule)
    member = locate(tree, change.steps[: row.at.count("/") + 1], rules) if row else None
    return row is not None and member is not None and row.when(member)


def doubts(actual: Node, before: Node | None, desired: Node, rules: Rules) -> Iterator[Doubt]:
    """
    Yield the lists in which what a spec says could be several of what is.

    Args:
        before: What an earlier spec said, None if it does not count.
    """
    for path in _lists(rules):
        have, want = _children(actual, path), _wanted(desired, path, rules)
        yield from match(have, want, path, rules, satisfying(rules, path)).doubts
        if before is not None:
            asked = _wanted(before, path, rules)
            yield from succession(have, asked, want, path, rules).doubts


def _twins(running: Node, stored: Node, path: str, rules: Rules) -> Matches:
    rules = for_twins(rules)
    return match(_children(running, path), _children(stored, path), path, rules, satisfying(rules, path))


def _lists(rules: Rules) -> tuple[str, ...]:
    """Return the paths of what holds members that have other keys while an object runs; each occurs once."""
    holders = (path.rpartition("/")[0] for path, members in rules.members.rows if members.running)
    return tuple(dict.fromkeys(holders))


def _wanted(desired: Node, path: str, rules: Rules) -> tuple[Node, ...]:
    """Return the members of a spec's element that count."""
    spoken_ = spoken(desired.find(path) or Node(""))
    return tuple(child for child in spoken_ if not rules.is_left_alone(under(path, child.tag)))


def _children(tree: Node, path: str) -> tuple[Node, ...]:
    node = tree.find(path)
    return node.children if node else ()


def _with_children(tree: Node, path: str, children: Iterable[Node]) -> Node:
    """Return a tree with other children in its element at a path."""
    head, _, rest = path.partition("/")
    holder = tree.child(head) if head else None
    if holder is None:
        return tree if head else replace(tree, children=tuple(children))
    new = _with_children(holder, rest, children)
    return replace(tree, children=tuple(new if c is holder else c for c in tree.children))


_BARE = Rules()
