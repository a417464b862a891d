"""Find references between objects, and sort objects by their references."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from kvmreconcile.model import Key
from kvmreconcile.tree import Node, Ref, Rules
from kvmreconcile.tree.paths import under


def references(tree: Node, rules: Rules, path: str = "") -> Iterator[tuple[Key, Ref]]:
    """Yield the objects that a definition refers to, each with the table row of the reference."""
    for ref in rules.refs.get(path) or ():
        names = [tree.get(part) for part in ref.name]
        if all(names):
            yield Key(ref.kind, "/".join(str(n) for n in names)), ref
    for child in tree.children:
        yield from references(child, rules, under(path, child.tag))


@lru_cache(maxsize=1 << 16)
def by_number(key: Key) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return the sort key that orders objects by kind and name, with numbers in names by their values."""
    parts = re.split(r"([0-9]+)", key.name)
    return key.kind, tuple((int(part), "") if index % 2 else (-1, part) for index, part in enumerate(parts))


def sort_by_needs(
    needs: Mapping[Key, Collection[Key]],
) -> tuple[tuple[Key, ...], tuple[tuple[Key, ...], ...]]:
    """
    Sort keys so that each key comes after all keys that it needs, and otherwise as `by_number` does.

    Returns:
        The sorted keys without the keys of cycles, and the cycles.
    """
    cycles: list[tuple[Key, ...]] = []
    left = {key: sorted(n for n in wants if n in needs) for key, wants in sorted(needs.items())}
    while True:
        sorter = TopologicalSorter(left)
        try:
            sorter.prepare()
        except CycleError as error:
            cycle = tuple(reversed(error.args[1][1:]))
            first = cycle.index(min(cycle))
            cycles.append(cycle[first:] + cycle[:first])
            left = {k: [n for n in wants if n not in cycle] for k, wants in left.items() if k not in cycle}
            continue
        result: list[Key] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready(), key=by_number)
            result.extend(ready)
            sorter.done(*ready)
        return tuple(result), tuple(cycles)
