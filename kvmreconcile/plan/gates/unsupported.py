"""
Hold definitions that the host's libvirt stores but cannot start or apply to a running object.

Without the hold, libvirt would store the definition and refuse the live change, and the guest could
not be started again. Each kind has a table of the elements (`Rules.unsupported`). Rows that the
host's libvirt supports are ignored. Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Hold, HoldReason, Key, Lookup
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.invalid import definition_to_store
from kvmreconcile.tree import Node, Rules, UnsupportedSetting
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import labels

_Found = tuple[str, UnsupportedSetting]
"""The label of an element, and the table row that it matches."""


def find_unsupported(
    steps: Mapping[Key, tuple[Action, ...]], context: PlanContext
) -> Iterator[tuple[Key, HoldReason]]:
    """
    Yield the objects whose steps would store unsupported elements, each with its hold.

    Elements that the stored definition already contains are ignored.
    """
    lookup = Lookups(context.world).lookup
    for key, each in steps.items():
        rules = context.kinds[key.kind].rules
        whole = definition_to_store(each)
        if whole is None or not rules.unsupported.rows:
            continue
        actual = context.world.observed.actual(key)
        stored = set(_met(actual.tree, rules, lookup)) if actual else set()
        if new := next((found for found in _met(whole, rules, lookup) if found not in stored), None):
            label, row = new
            version = ".".join(map(str, row.until))
            why = f"{label}: {row.what} needs libvirt {version} or newer ({row.source})"
            yield key, HoldReason(Hold.UNSUPPORTED, why, row.todo)


def _met(tree: Node, rules: Rules, lookup: Lookup, path: str = "") -> Iterator[_Found]:
    """Yield the elements of a definition that match a row of the table."""
    for row in rules.unsupported.get(path) or ():
        if row.when(tree, _beside(tree, row, lookup)):
            name = next(labels(tree, rules.members.get(path)), "")
            yield f"{tree.tag} {name}".strip(), row
    for child in tree.children:
        yield from _met(child, rules, lookup, under(path, child.tag))


def _beside(element: Node, row: UnsupportedSetting, lookup: Lookup) -> Node | None:
    if row.beside is None:
        return None
    kind, where = row.beside
    name = element.get(where)
    return lookup(Key(kind, name)) if name else None
