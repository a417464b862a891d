"""Define parsed YAML documents, and the lists and mappings that are being read."""

from dataclasses import dataclass, field

from kvmreconcile.model import Source
from kvmreconcile.model.located import LocatedValue, MappingEntry
from kvmreconcile.source.problem import LocatedProblem


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
