"""Replace placeholders such as {name} in a part of a document, with the place of each value kept. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.kinds.expander import ExpansionProblem
from kvmreconcile.model.located import LocatedValue, MappingEntry, Plain

RESERVED = frozenset({"name", "ordinal", "set"})
_PLACEHOLDER = re.compile(r"\{(\{)?([A-Za-z][A-Za-z0-9_]*)\}(?(1)\})")


@dataclass(slots=True)
class Substitution:
    """
    Replaces placeholders by values.

    Attributes:
        problems: The placeholders without a value, each once.
    """

    values: Mapping[str, Plain]
    problems: list[ExpansionProblem] = field(default_factory=list)

    def apply(self, item: LocatedValue) -> LocatedValue:
        """Return a value with all placeholders in it replaced; the keys of mappings are not changed."""
        match item.value:
            case str():
                return replace(item, value=self._text(item.value, item)) if "{" in item.value else item
            case tuple():
                return replace(item, value=tuple(map(self.apply, item.value)))
            case Mapping():
                entries = {k: MappingEntry(e.source, self.apply(e.item)) for k, e in item.value.items()}
                return replace(item, value=entries)
            case _:
                return item

    def _text(self, text: str, item: LocatedValue) -> Plain:
        whole = _PLACEHOLDER.fullmatch(text)
        if whole and not whole[1]:
            return self._value(whole[2], item)
        return _PLACEHOLDER.sub(lambda m: m[0][1:-1] if m[1] else _as_text(self._value(m[2], item)), text)

    def _value(self, name: str, item: LocatedValue) -> Plain:
        if name in self.values:
            return self.values[name]
        known = ", ".join(f"{{{each}}}" for each in sorted(self.values))
        todo = f"available: {known}; for the text itself, write {{{{{name}}}}}"
        self.problems.append(ExpansionProblem(item.source, f"there is no value for {{{name}}}", todo))
        return f"{{{name}}}"


def placeholders(item: LocatedValue) -> Iterator[str]:
    """Yield the names of the placeholders in a value."""
    match item.value:
        case str():
            yield from (found[2] for found in _PLACEHOLDER.finditer(item.value) if not found[1])
        case tuple():
            for each in item.value:
                yield from placeholders(each)
        case Mapping():
            for entry in item.value.values():
                yield from placeholders(entry.item)


def _as_text(value: Plain) -> str:
    """Return a value as it is written in YAML."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
