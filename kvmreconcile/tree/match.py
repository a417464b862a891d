"""
Match the elements of one tree with the elements of another tree.

`overlay`, `diff` and `forget` must match elements the same way. Members of a list are matched by keys,
then by content. Finally, the last two unmatched members are matched if one is left on each side.
Elements without keys are matched by position; devices never are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from kvmreconcile.tree.keys import Keys, differ
from kvmreconcile.tree.node import Node
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rows import Members, Owner
from kvmreconcile.tree.rules import Rules

Same = Callable[[Node, Node], bool]
Edges = dict[int, list[int]]
"""For each index in `want`, the indices in `have` of possible matches."""


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """
    Members of a list that could be matched in several ways.

    Attributes:
        path: The path of the list.
        have: Existing members with several possible matches.
        want: Wanted members that could match a member of `have`.
    """

    path: str
    have: tuple[Node, ...]
    want: tuple[Node, ...]


@dataclass(slots=True)
class Matches:
    """
    The result of matching the children of two elements.

    Attributes:
        pairs: For each matched index in `want`, the index in `have`.
        ambiguities: Lists that should not be changed until the user resolves the ambiguity.
    """

    pairs: dict[int, int] = field(default_factory=dict)
    ambiguities: list[Ambiguity] = field(default_factory=list)


def pair(have: Sequence[Node], want: Sequence[Node], path: str, rules: Rules, same: Same) -> dict[int, int]:
    """Match the children of two elements at `path`, and return only `Matches.pairs`."""
    return match(have, want, path, rules, same).pairs


def match(have: Sequence[Node], want: Sequence[Node], path: str, rules: Rules, same: Same) -> Matches:
    """
    Match the children of two elements at `path`.

    Args:
        have: The existing children.
        want: The wanted children.
        same: Returns whether its first argument (of `have`) has all values of its second (of `want`).
            Called for elements with the same tag and no key in common.
    """
    result = Matches()
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
            result.pairs.update(zip(theirs, ours, strict=False))
        else:
            one = _List((have, want), (ours, theirs), result.pairs, members, under(path, tag), rules)
            result.ambiguities += one.match(same)
    return result


@dataclass(slots=True)
class _List:
    """
    The members with one tag on both sides.

    Attributes:
        sides: The children `have` and `want`.
        left: The unmatched indices in `have`, and those in `want`.
        found: The matches, from index in `want` to index in `have`.
    """

    sides: tuple[Sequence[Node], Sequence[Node]]
    left: tuple[list[int], list[int]]
    found: dict[int, int]
    members: Members
    path: str
    rules: Rules

    def match(self, same: Same) -> Iterator[Ambiguity]:
        """Match members, and yield ambiguities."""
        self._match_known()
        for hint in self.members.hints:
            if all(self.left):
                self._match_by(self._keys(hint), strict=False)
        keys, every = self._keys(*self.members.keys), tuple(tuple(indices) for indices in self.left)
        self._match_by(keys, strict=True)
        if self.members.claims and self.members.owner is Owner.SPEC:
            self._claim(every[0], every[1])
        if all(self.left):
            self._match_by_content(keys, same)
        if all(self.left):
            yield from self._match_remaining(keys)

    def _match_remaining(self, keys: Keys) -> Iterator[Ambiguity]:
        """Match by fallback keys, then match the last member on each side; yield ambiguities."""
        is_complete = self.members.owner is Owner.SPEC
        unclear = self._match_fallback() if is_complete else {}
        have, want = self.sides
        ours, theirs = self.left
        if len(ours) == len(theirs) == 1 and not keys.in_common(have[ours[0]], want[theirs[0]]):
            self._take(theirs[0], ours[0])
        elif is_complete and self.members.advice:
            yield from self._ambiguities(unclear, self._indistinguishable())

    def _keys(self, *keys: tuple[str, ...]) -> Keys:
        return Keys(keys, self.path, self.rules)

    def _take(self, wanted: int, had: int) -> None:
        self.found[wanted] = had
        self.left[0].remove(had)
        self.left[1].remove(wanted)

    def _match_known(self) -> None:
        """Match members that are linked by `known_as`, whatever their keys."""
        have, want = self.sides
        for j in [j for j in self.left[0] if have[j].known_as is not None]:
            known = have[j].known_as
            i = next((i for i in self.left[1] if known is want[i] or known is want[i].known_as), None)
            if i is not None:
                self._take(i, j)

    def _match_by(self, keys: Keys, *, strict: bool) -> None:
        """Match by keys, best first. If `strict`, members that differ in a better key are not matched."""
        ours = {i: keys.of(self.sides[0][i]) for i in self.left[0]}
        theirs = {i: keys.of(self.sides[1][i]) for i in self.left[1]}
        for rank in range(len(keys.keys)):
            by_key: dict[str | None, list[int]] = {}
            for i, values in ours.items():
                by_key.setdefault(values[rank], []).append(i)
            for i, values in list(theirs.items()):
                alike = by_key.get(values[rank], ()) if values[rank] is not None else ()
                one = next((j for j in alike if not (strict and differ(ours[j][:rank], values[:rank]))), None)
                if one is not None:
                    by_key[values[rank]].remove(one)
                    del ours[one], theirs[i]
                    self._take(i, one)

    def _claim(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """Match remaining members of `have` by claims; a claim overrides a match by other keys."""
        have, want = self.sides
        claimed: set[int] = set()
        for j in (waiting := list(self.left[0])):
            for claim in self.members.claims:
                key = self._keys(claim)
                value = key.of(have[j])
                same = [i for i in theirs if key.of(want[i]) == value != (None,)]
                is_alone = len(same) == 1 and sum(key.of(have[h]) == value for h in ours) == 1
                if is_alone and same[0] in self.found and same[0] not in claimed:
                    (i,) = same
                    if not self._is_named(self.found[i], i):
                        claimed.add(i)
                        waiting.append(self.found[i])
                        self.left[0][self.left[0].index(j)] = self.found[i]
                        self.found[i] = j
                        break

    def _is_named(self, had: int, wanted: int) -> bool:
        """Return whether two members have an equal first key, such as the name."""
        first = self._keys(*self.members.keys[:1])
        return first.of(self.sides[0][had]) == first.of(self.sides[1][wanted]) != (None,)

    def _match_by_content(self, keys: Keys, same: Same) -> None:
        have, want = self.sides
        for i in list(self.left[1]):
            for j in self.left[0]:
                if not keys.in_common(have[j], want[i]) and same(have[j], want[i]):
                    self._take(i, j)
                    break

    def _match_fallback(self) -> Edges:
        """Match remaining members by unique fallback keys; return the other possible matches."""
        unclear: Edges = {}
        for key in self.members.fallback:
            could = {i: had for i in self.left[1] if (had := self._could_be(i, key))}
            for i, had in could.items():
                if len(had) == 1 and sum(had[0] in others for others in could.values()) == 1:
                    self._take(i, had[0])
                else:
                    unclear.setdefault(i, []).extend(had)
        return unclear

    def _could_be(self, wanted: int, key: tuple[str, ...]) -> list[int]:
        """Return the remaining indices in `have` with the same fallback key as a member of `want`."""
        longer = self._keys(*(other for other in self.members.fallback if {*other} > {*key}))
        short = self._keys(key)
        have, want = self.sides
        value, better = short.of(want[wanted]), longer.of(want[wanted])
        return [
            j
            for j in (self.left[0] if value != (None,) else ())
            if short.of(have[j]) == value and not differ(longer.of(have[j]), better)
        ]

    def _indistinguishable(self) -> Edges:
        """Return possible matches between remaining members that no key distinguishes."""
        keys = self._keys(*self.members.keys, *self.members.fallback)
        have, want = self.sides
        return {i: [j for j in self.left[0] if not keys.in_common(have[j], want[i])] for i in self.left[1]}

    def _ambiguities(self, *edges: Edges) -> Iterator[Ambiguity]:
        """Yield an ambiguity with all possible matches in `edges` between unmatched members."""
        ours, theirs = self.left
        could = [
            (i, j) for each in edges for i, had in each.items() for j in had if i in theirs and j in ours
        ]
        if could:
            have, want = ({pair[side] for pair in could} for side in (1, 0))
            yield Ambiguity(
                self.path,
                tuple(self.sides[0][j] for j in sorted(have)),
                tuple(self.sides[1][i] for i in sorted(want)),
            )
