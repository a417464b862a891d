"""
Find a spec's references to other objects, each with its place in the file.

Whether a referenced object exists is checked later, when all files and the host have been read. A
field is a reference if the kind's rules list the field's path in XML, or if the field is annotated
with `Names`.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Key, Reference
from kvmreconcile.model.located import LocatedValue, find_value
from kvmreconcile.schema.mapping import At, Names
from kvmreconcile.source import fragment
from kvmreconcile.source.xml_places import Models, fragments, join, xml_annotations
from kvmreconcile.tree import Rules

ValuesByPath = dict[str, LocatedValue]
"""Values of one element's fields, by their paths in XML."""


def find_references(document: LocatedValue, kind: Kind) -> Iterator[Reference]:
    """Yield the references of a valid document."""
    spec = find_value(document, "spec")
    if spec is None:
        return
    yield from _element(spec, (kind.spec,), "", kind.rules)
    for xml, path in fragments(spec, (kind.spec,)):
        yield from fragment.fragment_references(xml, kind.rules, path)


def _element(item: LocatedValue, inside: Models, path: str, rules: Rules) -> Iterator[Reference]:
    values: ValuesByPath = {}
    yield from _fields(item, inside, (path, rules), values)
    for where in dict.fromkeys(each for place in values for each in (_parent(place), place)):
        for ref in rules.refs.get(where) or ():
            parts = [values[place] for name in ref.name if (place := join(where, name)) in values]
            if len(parts) < len(ref.name):
                # A single value may be the whole name, or the last part of the name.
                parts = [values[where]] if where in values else []
            if parts:
                name = "/".join(str(part.value) for part in parts)
                yield Reference(Key(ref.kind, name), parts[-1].source)


def _fields(
    item: LocatedValue, inside: Models, at: tuple[str, Rules], values: ValuesByPath
) -> Iterator[Reference]:
    """
    Collect the values of an element's fields, and yield references in lists below the element.

    Args:
        values: The mapping to which the values are added.
    """
    path, rules = at
    known = xml_annotations(inside)
    for name, entry in item.value.items() if isinstance(item.value, Mapping) else ():
        value = entry.item
        for note, inner in known.get(name, ()):
            if isinstance(note, Names):
                yield from (Reference(Key(note.kind, str(each.value)), each.source) for each in _each(value))
            if not isinstance(note, At):
                continue
            place = join(path, note.path)
            if isinstance(value.value, tuple):
                yield from chain.from_iterable(_element(each, inner, place, rules) for each in value.value)
            elif isinstance(value.value, Mapping):
                yield from _fields(value, inner, (place, rules), values)
            elif isinstance(value.value, str):
                values[place] = value


def _each(value: LocatedValue) -> tuple[LocatedValue, ...]:
    return value.value if isinstance(value.value, tuple) else (value,)


def _parent(place: str) -> str:
    return place.rpartition("@" if "@" in place else "/")[0].rstrip("/")
