"""
One table for both directions: a spec's fields say where in libvirt's XML they live.

`At` stands beside each field of a spec model; `write` turns a spec into the tree it says, and `reading` turns a
tree back. Separate from the kinds, because rendering and adopting are the same knowledge, and neither should
be written twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from kvmreconcile.schema.codecs import TEXT, Codec, Draft
from kvmreconcile.schema.collections import Gathered
from kvmreconcile.tree import Node, Rules


@dataclass(frozen=True, slots=True)
class At:
    """
    Where a field lives, relative to the element of the model it belongs to.

    `also` lists what holds whenever the field is set, as (path, value).
    """

    path: str
    codec: Codec = TEXT
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """Says of a field that has no place in XML that its values are names of objects of a kind."""

    kind: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """Marks a field as an XML fragment of the element that its model maps to, to be merged over the other fields."""


def write(spec: BaseModel, tag: str, rules: Rules) -> Node:
    """
    Return the tree of a spec's fields, with the fragments of its parts, but not its own, merged over them.

    Args:
        rules: Rules for merging fragments.

    Raises:
        ValueError: A fragment is not well-formed XML.
    """
    draft = Draft(tag)
    _write(draft, spec)
    return draft.done(rules)


def _write(draft: Draft, spec: BaseModel) -> None:
    for name, place in places(type(spec)):
        value = getattr(spec, name)
        if value is None:
            continue
        for path, text in place.also:
            draft.put(path, text)
        if isinstance(value, BaseModel):
            _write_part(draft.at(place.path), value)
        elif isinstance(value, (list, tuple)) and not isinstance(place.codec, Gathered):
            _write_list(draft, place, value)
        else:
            place.codec.put(draft, place.path, value)


def _write_part(draft: Draft, part: BaseModel) -> None:
    _write(draft, part)
    for name in fragments(type(part)):
        draft.fragment = getattr(part, name) or ""


def _write_list(draft: Draft, place: At, items: list[Any] | tuple[Any, ...]) -> None:
    element, _, leaf = place.path.partition("/@")
    if not items:
        draft.deny(element)
    for item in items:
        new = draft.append(element)
        if isinstance(item, BaseModel):
            _write_part(new, item)
        else:
            place.codec.put(new, f"@{leaf}" if leaf else "", item)


def places(model: type[BaseModel]) -> Iterator[tuple[str, At]]:
    """Yield the fields of a model that live in XML, and where."""
    for name, info in model.model_fields.items():
        for item in info.metadata:
            if isinstance(item, At):
                yield name, item
                break


def fragments(model: type[BaseModel]) -> Iterator[str]:
    """Yield the fields of a model that are fragments."""
    for name, info in model.model_fields.items():
        if any(isinstance(note, Fragment) for note in info.metadata):
            yield name
