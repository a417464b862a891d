"""
Where in libvirt's XML the values of a document live.

Separate from what is made of that: whether a fragment is well-formed, and which other objects are named where.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from pydantic import BaseModel

from kvmreconcile.kinds.lens import At, Fragment, Names
from kvmreconcile.source.fields import fields, models
from kvmreconcile.source.item import Item

Models = tuple[type[BaseModel], ...]
Note = At | Names | Fragment


def join(path: str, place: str) -> str:
    """Return the place of something inside the element at a path."""
    return f"{path}/{place}".strip("/")


@cache
def notes(inside: Models) -> Mapping[str, tuple[tuple[Note, Models], ...]]:
    """Return what stands beside each field of some models, and the models inside it."""
    known = {name: info for model in inside for name, info in fields(model).items()}
    return {
        name: tuple((n, tuple(models(info.annotation))) for n in info.metadata if isinstance(n, Note))
        for name, info in known.items()
    }


def fragments(item: Item, inside: Models, path: str = "") -> Iterator[tuple[Item, str]]:
    """Yield the fragments of a value of some models and of its parts, each with the path of its element."""
    known = notes(inside)
    for name, entry in item.value.items() if isinstance(item.value, Mapping) else ():
        for note, inner in known.get(name, ()):
            if isinstance(note, Fragment) and isinstance(entry.item.value, str):
                yield entry.item, path
            elif isinstance(note, At) and inner:
                parts = entry.item.value if isinstance(entry.item.value, tuple) else (entry.item,)
                for part in parts:
                    yield from fragments(part, inner, join(path, note.path))
