"""
Find elements in a spec's `xml` that match no entry of the list in its fields.

Such an element would be merged as an additional device. For example, if an edit changes the address that an entry and
its element have in common, the guest would get a second network interface.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import mapped_fields
from kvmreconcile.tree import Node, Rules
from kvmreconcile.tree.match import pair
from kvmreconcile.tree.merge import satisfying


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An element of a fragment; `place` is its XPath below the root, `field` the list that has no entry for it."""

    element: Node
    place: str
    field: str


def find_unmatched(
    part: BaseModel, fields: Node, fragment: Node, rules: Rules, place: str = ""
) -> Iterator[Unmatched]:
    """
    Yield the elements of a fragment that match no entry of a list.

    Args:
        part: A spec, or a section of it.
        fields: The tree of its fields.
        fragment: XML of the same element.
        rules: Rules that identify members of lists.
        place: The element's XPath below the root.
    """
    for name, at in mapped_fields(type(part)):
        value, above = getattr(part, name), at.path.rpartition("/")[0]
        if isinstance(value, BaseModel):
            have, want = fields.find(at.path), fragment.find(at.path)
            if have and want:
                yield from find_unmatched(value, have, want, rules, _join(place, at.path))
        elif isinstance(value, list) and any(isinstance(entry, Element) for entry in value):
            have, want = fields.find(above), fragment.find(above)
            if have and want:
                field = type(part).model_fields[name].alias or name
                tag = at.path.rpartition("/")[2]
                sides = tuple(tuple(c for c in side.children if c.tag == tag) for side in (have, want))
                yield from _in_list(value, sides, rules, _join(place, at.path), field)


def _in_list(
    entries: Sequence[Element], sides: Sequence[Sequence[Node]], rules: Rules, place: str, field: str
) -> Iterator[Unmatched]:
    have, want = sides
    path, _, _tag = re.sub(r"\[\d+\]", "", place).rpartition("/")
    pairs = pair(have, want, path, rules, satisfying(rules, path))
    for index, element in enumerate(want):
        here = f"{place}[{index + 1}]"
        if index not in pairs:
            yield Unmatched(element, here, field)
        else:
            entry = pairs[index]
            yield from find_unmatched(entries[entry], have[entry], element, rules, here)


def _join(place: str, path: str) -> str:
    return f"{place}/{path}".strip("/")
