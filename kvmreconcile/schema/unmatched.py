"""
Find elements in the `xml` of a spec that match no entry of a list in the fields of the spec.

An unmatched element would be merged as an additional device. For example, suppose that a list entry and
an element in `xml` have the same MAC address. If an edit changes the address in the entry only, the
guest would get a second network interface.
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
    """
    An element of a fragment that matches no list entry.

    Attributes:
        place: The XPath of the element below the root.
        field: The field with the list.
    """

    element: Node
    place: str
    field: str


def find_unmatched(
    part: BaseModel, fields: Node, fragment: Node, rules: Rules, place: str = ""
) -> Iterator[Unmatched]:
    """
    Yield the elements of a fragment that match no entry of a list.

    Args:
        part: A spec, or a section of a spec.
        fields: The tree of the fields of `part`.
        fragment: The fragment of the element that `fields` is the tree of.
        rules: Rules that identify list members.
        place: The XPath of the element below the root; "" for the root.
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
