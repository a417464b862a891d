"""Define values of a YAML file with their file, line and column."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kvmreconcile.model.source import Source

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class LocatedValue:
    """
    A value and the place where it starts.

    Attributes:
        value: A plain value, a tuple of values, or the entries of a mapping by key.
        indent: Number of columns by which a "|" block is indented; None for all other values. Only
            the lines of such a block are also lines of the file.
        size: Number of values in this value, including itself, with aliases resolved.
        height: Number of levels of values below this value.
    """

    source: Source
    value: "Plain | tuple[LocatedValue, ...] | Mapping[str, MappingEntry]"
    indent: int | None = None
    size: int = 1
    height: int = 0


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """A value of a mapping, and the place of its key."""

    source: Source
    item: LocatedValue


def plain(item: LocatedValue) -> object:
    """Return a value without places, as dict, list, str, int, float, bool or None."""
    match item.value:
        case tuple():
            return [plain(i) for i in item.value]
        case Mapping():
            return {key: plain(entry.item) for key, entry in item.value.items()}
        case _:
            return item.value


def find_value(item: LocatedValue, *names: str) -> LocatedValue | None:
    """Return the value at a path of fields, None if there is none."""
    for name in names:
        if not isinstance(item.value, Mapping) or name not in item.value:
            return None
        item = item.value[name].item
    return item


def mapping(source: Source, fields: Mapping[str, LocatedValue]) -> LocatedValue:
    """Return a mapping at a place, with each key at the place of its value."""
    return LocatedValue(source, _entries(fields))


def with_fields(item: LocatedValue, fields: Mapping[str, LocatedValue]) -> LocatedValue:
    """Return a mapping with some fields set; any other value is returned unchanged."""
    if not isinstance(item.value, Mapping):
        return item
    return replace(item, value={**item.value, **_entries(fields)})


def with_defaults(item: LocatedValue, defaults: Mapping[str, LocatedValue]) -> LocatedValue:
    """Return a mapping with further fields where it lacks them; any other value is returned unchanged."""
    if not isinstance(item.value, Mapping):
        return item
    return replace(item, value={**_entries(defaults), **item.value})


def _entries(fields: Mapping[str, LocatedValue]) -> dict[str, MappingEntry]:
    return {name: MappingEntry(item.source, item) for name, item in fields.items()}
