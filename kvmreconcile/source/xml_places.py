"""Map values of a document to places in libvirt's XML, and back."""

from collections.abc import Iterator, Mapping
from functools import cache

from pydantic import BaseModel

from kvmreconcile.model import Source
from kvmreconcile.model.located import LocatedValue
from kvmreconcile.schema.mapping import At, Fragment, Names
from kvmreconcile.source import fragment
from kvmreconcile.source.fields import fields, models

Models = tuple[type[BaseModel], ...]
XmlAnnotation = At | Names | Fragment


def join(path: str, place: str) -> str:
    """Return the path of a place inside the element at a path."""
    return f"{path}/{place}".strip("/")


@cache
def xml_annotations(inside: Models) -> Mapping[str, tuple[tuple[XmlAnnotation, Models], ...]]:
    """
    Return the XML annotations of each field of the given models.

    Each annotation comes with the models inside the field.
    """
    known = {name: info for model in inside for name, info in fields(model).items()}
    return {
        name: tuple(
            (n, tuple(models(info.annotation))) for n in info.metadata if isinstance(n, XmlAnnotation)
        )
        for name, info in known.items()
    }


def fragments(item: LocatedValue, inside: Models, path: str = "") -> Iterator[tuple[LocatedValue, str]]:
    """
    Yield the XML fragments in a value and below it, each with the path of its element.

    Args:
        inside: The models of the value.
        path: The path of the value in libvirt's XML.
    """
    known = xml_annotations(inside)
    for name, entry in item.value.items() if isinstance(item.value, Mapping) else ():
        for note, inner in known.get(name, ()):
            if isinstance(note, Fragment) and isinstance(entry.item.value, str):
                yield entry.item, path
            elif isinstance(note, At) and inner:
                parts = entry.item.value if isinstance(entry.item.value, tuple) else (entry.item,)
                for part in parts:
                    yield from fragments(part, inner, join(path, note.path))


def source_of(place: str, spec: LocatedValue, model: type[BaseModel]) -> Source:
    """
    Return the place in a document of the value that is closest to a place in its definition.

    Args:
        place: XPath below the root element, such as "devices/disk[2]/target/@bus".
        spec: The value of `spec`.
        model: The model of `spec`.
    """
    value, left = _closest(spec, (model,), tuple(place.split("/")))
    entry = value.value.get("xml") if left and isinstance(value.value, Mapping) else None
    inside = "/".join(step for step in left if not step.startswith("@"))
    return (fragment.source_in_fragment(entry.item, inside) if entry else None) or value.source


def _closest(
    item: LocatedValue, inside: Models, steps: tuple[str, ...]
) -> tuple[LocatedValue, tuple[str, ...]]:
    """Return the value that maps to the longest prefix of a place, and the rest of the place."""
    best = item, steps
    for name, entry in item.value.items() if isinstance(item.value, Mapping) else ():
        for note, inner in xml_annotations(inside).get(name, ()):
            path = tuple(filter(None, note.path.split("/"))) if isinstance(note, At) else ()
            tags = tuple(step.partition("[")[0] for step in steps)
            if not (path or inner) or tags[: len(path)] != path[: len(tags)]:
                continue
            value, left = entry.item, steps[len(path) :]
            if inner and isinstance(value.value, tuple) and len(path) <= len(steps):
                number, count = _number(steps[len(path) - 1]), len(value.value)
                if number > count:
                    # The entries of a list come before the elements of a fragment.
                    other = f"{path[-1]}[{number - count}]"
                    best = best if best[0] is not item else (item, (*steps[: len(path) - 1], other, *left))
                    continue
                value = value.value[number - 1]
            found = _closest(value, inner, left) if inner else (value, left)
            best = found if len(found[1]) < len(best[1]) else best
    return best


def _number(step: str) -> int:
    """Return the position in a step such as "disk[2]", or 1 if the step has no position."""
    return int(step.partition("[")[2].rstrip("]") or 1)
