"""
Map each field of a spec to its place in libvirt's XML.

Fields of spec models are annotated with `At`. `write` uses the annotations to convert a spec to a tree;
`kvmreconcile.schema.decode` uses them to convert a tree to a spec.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from kvmreconcile.schema.codecs import TEXT, Codec, ElementBuilder
from kvmreconcile.schema.collections import CollectionCodec
from kvmreconcile.tree import Node, Rules


@dataclass(frozen=True, slots=True)
class At:
    """
    The place of a field in XML, relative to the element of the field's model.

    Attributes:
        path: Path of tags, with "@name" at the end for an attribute.
        codec: Writes and reads the value.
        also: Further values that are written if the field is set, as (path, value).
    """

    path: str
    codec: Codec = TEXT
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """Marks a field with names of objects of a kind; the field has no place in XML."""

    kind: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """Marks a field as an XML fragment, which is merged over the other fields of the model."""


def write(spec: BaseModel, tag: str, rules: Rules) -> Node:
    """
    Return the tree of the fields of a spec.

    Fragments of sections are merged over the fields; the fragment of the spec itself is not.

    Args:
        tag: The tag of the root element.
        rules: Rules for merging fragments.

    Raises:
        ValueError: A fragment is not well-formed XML.
    """
    builder = ElementBuilder(tag)
    _write(builder, spec)
    return builder.done(rules)


def _write(builder: ElementBuilder, spec: BaseModel) -> None:
    for name, place in mapped_fields(type(spec)):
        value = getattr(spec, name)
        if value is None:
            continue
        for path, text in place.also:
            builder.put(path, text)
        if isinstance(value, BaseModel):
            _write_part(builder.at(place.path), value)
        elif isinstance(value, (list, tuple)) and not isinstance(place.codec, CollectionCodec):
            _write_list(builder, place, value)
        else:
            place.codec.put(builder, place.path, value)


def _write_part(builder: ElementBuilder, part: BaseModel) -> None:
    _write(builder, part)
    for name in fragment_fields(type(part)):
        builder.fragment = getattr(part, name) or ""


def _write_list(builder: ElementBuilder, place: At, items: list[Any] | tuple[Any, ...]) -> None:
    element, _, leaf = place.path.partition("/@")
    if not items:
        builder.mark_absent(element)
    for item in items:
        new = builder.append(element)
        if isinstance(item, BaseModel):
            _write_part(new, item)
        else:
            place.codec.put(new, f"@{leaf}" if leaf else "", item)


def mapped_fields(model: type[BaseModel]) -> Iterator[tuple[str, At]]:
    """Yield the name and place of each field of a model that has a place in XML."""
    for name, info in model.model_fields.items():
        for item in info.metadata:
            if isinstance(item, At):
                yield name, item
                break


def fragment_fields(model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of the fields of a model that are fragments."""
    for name, info in model.model_fields.items():
        if any(isinstance(note, Fragment) for note in info.metadata):
            yield name
