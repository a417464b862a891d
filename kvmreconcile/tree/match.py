"""
Which element on one side is which on the other.

Separate because overlay, diff and forget must all answer it alike. Identity comes from keys, then from
content; place decides only where an element has nothing else, and never for a device.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.place import under
from kvmreconcile.tree.rules import Members, Owner, Rules

Same = Callable[[Node, Node], bool]


def pair(have: Sequence[Node], want: Sequence[Node], path: str, rules: Rules, same: Same) -> dict[int, int]:
    """
    Match children of two elements at `path`.

    Args:
        same: Asked with (one of have, one of want), for elements of the same tag that have no key in
            common: whether the first is all that the second is.

    Returns:
        For each matched index in `want` the index in `have`.
    """
    found: dict[int, int] = {}
    groups: dict[str, tuple[list[int], list[int]]] = {}
    for index, node in enumerate(have):
        groups.setdefault(node.tag, ([], []))[0].append(index)
    for index, node in enumerate(want):
        if node.tag in groups:
            groups[node.tag][1].append(index)
    for tag, (ours, theirs) in groups.items():
        if not theirs:
            continue
        members = rules.members.get(under(path, tag))
        if members is None or members.owner is Owner.ORDERED:
            found.update(zip(theirs, ours, strict=False))
        else:
            _pair_members(have, want, (ours, theirs), (members, under(path, tag), rules, same), found)
    return found


def _pair_members(
    have: Sequence[Node],
    want: Sequence[Node],
    indices: tuple[list[int], list[int]],
    how: tuple[Members, str, Rules, Same],
    found: dict[int, int],
) -> None:
    members, path, rules, same = how
    for hint in members.hints:
        _take((have, want), indices, found, _Keys((hint,), path, rules), strict=False)
    keys = _Keys(members.keys, path, rules)
    _take((have, want), indices, found, keys, strict=True)
    ours, theirs = indices
    for i in list(theirs):
        for j in ours:
            if not keys.in_common(have[j], want[i]) and same(have[j], want[i]):
                found[i] = j
                ours.remove(j)
                theirs.remove(i)
                break
    if len(ours) == len(theirs) == 1 and not keys.in_common(have[ours[0]], want[theirs[0]]):
        found[theirs[0]] = ours[0]


@dataclass(frozen=True, slots=True)
class _Keys:
    """The ways in which members at a path are told apart, best first."""

    keys: tuple[tuple[str, ...], ...]
    path: str
    rules: Rules

    def of(self, node: Node) -> tuple[str | None, ...]:
        """Return the canonical value of each of an element's keys, None for one it does not have."""
        return tuple(self._value(node, key) for key in self.keys)

    def in_common(self, one: Node, other: Node) -> bool:
        """Tell whether some key is on both sides (and so, if they are unmatched, differs)."""
        return any(a is not None and b is not None for a, b in zip(self.of(one), self.of(other), strict=True))

    def _value(self, node: Node, key: tuple[str, ...]) -> str | None:
        values: list[str] = []
        for part in key:
            value = node.get(part)
            if value is None:
                return None
            scalar = self.rules.scalars.get(f"{self.path}/{part}" if part else self.path)
            values.append(scalar.canonical(value) if scalar else value)
        return "\0".join(values)


def _take(
    sides: tuple[Sequence[Node], Sequence[Node]],
    indices: tuple[list[int], list[int]],
    found: dict[int, int],
    keys: _Keys,
    *,
    strict: bool,
) -> None:
    """Match by keys, best first; where `strict`, a better key that both have and that differs forbids it."""
    ours = {i: keys.of(sides[0][i]) for i in indices[0]}
    theirs = {i: keys.of(sides[1][i]) for i in indices[1]}
    for rank in range(len(keys.keys)):
        by_key: dict[str | None, list[int]] = {}
        for i, values in ours.items():
            by_key.setdefault(values[rank], []).append(i)
        for i, values in list(theirs.items()):
            alike = by_key.get(values[rank], ()) if values[rank] is not None else ()
            match = next((j for j in alike if not (strict and _differ(ours[j][:rank], values[:rank]))), None)
            if match is not None:
                found[i] = match
                by_key[values[rank]].remove(match)
                del ours[match], theirs[i]
                indices[0].remove(match)
                indices[1].remove(i)


def _differ(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=True))
