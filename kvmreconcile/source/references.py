"""
Where in its file a spec names another object, so that a name which leads nowhere is told at its own place.

Separate from checking, because whether there is such an object is known only once all files and the host are read.
What a field is a name of, its place in XML and the kind's rules tell; a few that have no place there say it themselves.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Key, Reference
from kvmreconcile.schema.mapping import At, Names
from kvmreconcile.source import fragment
from kvmreconcile.source.document import find
from kvmreconcile.source.located import LocatedValue
from kvmreconcile.source.xml_places import Models, fragments, join, notes
from kvmreconcile.tree import Rules

Said = dict[str, LocatedValue]
"""Values of one element's fields, by their places in XML."""


def references(document: LocatedValue, kind: Kind) -> Iterator[Reference]:
    """Yield where a document, in which nothing is wrong, names other objects."""
    spec = find(document, "spec")
    if spec is None:
        return
    yield from _element(spec, (kind.spec,), "", kind.rules)
    for xml, path in fragments(spec, (kind.spec,)):
        yield from fragment.references(xml, kind.rules, path)


def _element(item: LocatedValue, inside: Models, path: str, rules: Rules) -> Iterator[Reference]:
    said: Said = {}
    yield from _fields(item, inside, (path, rules), said)
    for where in dict.fromkeys(each for place in said for each in (_parent(place), place)):
        for ref in rules.refs.get(where) or ():
            parts = [said[place] for name in ref.name if (place := join(where, name)) in said]
            if len(parts) < len(ref.name):
                # One value may be the whole name, or its last part.
                parts = [said[where]] if where in said else []
            if parts:
                name = "/".join(str(part.value) for part in parts)
                yield Reference(Key(ref.kind, name), parts[-1].source)


def _fields(item: LocatedValue, inside: Models, at: tuple[str, Rules], said: Said) -> Iterator[Reference]:
    """Note what is said of an element at a path, and yield what is named in others that are listed below it."""
    path, rules = at
    known = notes(inside)
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
                yield from _fields(value, inner, (place, rules), said)
            elif isinstance(value.value, str):
                said[place] = value


def _each(value: LocatedValue) -> tuple[LocatedValue, ...]:
    return value.value if isinstance(value.value, tuple) else (value,)


def _parent(place: str) -> str:
    return place.rpartition("@" if "@" in place else "/")[0].rstrip("/")
