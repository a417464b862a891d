"""Define values of a YAML file with their file, line and column."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model import Source
from kvmreconcile.source.problem import LocatedProblem

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


@dataclass(frozen=True, slots=True)
class ParsedYaml:
    """
    One parsed YAML document.

    Attributes:
        item: The document's value up to the first syntax error; None if the document is empty.
        problems: All problems of the document's YAML.
        whole: Whether `item` has the whole content of the document.
    """

    item: LocatedValue | None
    problems: tuple[LocatedProblem, ...] = ()
    whole: bool = True


def plain(item: LocatedValue) -> object:
    """Return a value without places, as dict, list, str, int, float, bool or None."""
    match item.value:
        case tuple():
            return [plain(i) for i in item.value]
        case Mapping():
            return {key: plain(entry.item) for key, entry in item.value.items()}
        case _:
            return item.value


@dataclass(slots=True)
class Frame:
    """
    A list or mapping that is being read.

    Attributes:
        key: The place and name of the field whose value is read next; None if a field name comes
            next.
    """

    source: Source
    anchor: str | None
    is_mapping: bool
    items: list[LocatedValue] = field(default_factory=list)
    entries: dict[str, MappingEntry] = field(default_factory=dict)
    key: tuple[Source, str | None] | None = None

    def __len__(self) -> int:
        """Return the number of entries that have been read so far."""
        return len(self.entries) if self.is_mapping else len(self.items)

    def item(self) -> LocatedValue:
        """Return the list or mapping that has been read so far."""
        inner = [e.item for e in self.entries.values()] if self.is_mapping else self.items
        return LocatedValue(
            self.source,
            self.entries if self.is_mapping else tuple(self.items),
            size=1 + sum(i.size for i in inner),
            height=1 + max((i.height for i in inner), default=0),
        )

    def attach(self, item: LocatedValue) -> None:
        """Add the next value, unless it belongs to an invalid field name."""
        if not self.is_mapping:
            self.items.append(item)
        elif self.key is not None:
            source, key = self.key
            self.key = None
            if key is not None:
                self.entries[key] = MappingEntry(source, item)
