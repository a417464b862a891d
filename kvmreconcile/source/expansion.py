"""
Expand documents that stand for others, such as sets, into parsed documents.

A result is kept, and reused while neither the document nor a fact that its kind reads has changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from kvmreconcile.kinds.expander import Expander, Expansion, OwnerDocument
from kvmreconcile.model import Facts, Key
from kvmreconcile.model.located import LocatedValue
from kvmreconcile.source.located import ParsedYaml
from kvmreconcile.source.parsed_file import DocumentKinds, ParsedDocument, parse_document
from kvmreconcile.source.problem import LocatedProblem


@dataclass(frozen=True, slots=True)
class Expanded:
    """
    The documents that one document stands for, directly or through others.

    Attributes:
        read: The values of the facts that were read.
        children: The documents, each with its owner.
        until: When the result must be computed again, None if it depends on no time.
        problems: Problems of the document or of those that it stands for. If there are any, none of them is used.
        crash: The exception that was raised: a bug, which affects this document only.
    """

    owner: OwnerDocument
    read: tuple[object, ...] = ()
    children: tuple[ParsedDocument, ...] = ()
    until: datetime | None = None
    problems: tuple[LocatedProblem, ...] = ()
    crash: Exception | None = None

    def is_current(self, owner: OwnerDocument, read: tuple[object, ...], now: datetime) -> bool:
        """Return whether expanding a document with the same key would give the same result."""
        return self.owner is owner and self.read == read and (self.until is None or now < self.until)


@dataclass(slots=True)
class Expansions:
    """The expansions of one load, and those of the load before, which are reused."""

    kinds: DocumentKinds
    instance: str
    _known: dict[Key, Expanded] = field(default_factory=dict)
    _before: dict[Key, Expanded] = field(default_factory=dict)
    _facts: Facts = field(default_factory=Facts)

    def begin(self, facts: Facts) -> None:
        """Begin another load, at the time of the facts."""
        self._before, self._known, self._facts = self._known, {}, facts

    def expand(self, owner: OwnerDocument) -> Expanded:
        """Return the documents that a document stands for."""
        kind = self.kinds[owner.kind]
        if not isinstance(kind, Expander):
            raise TypeError(f"{owner.kind} does not stand for other documents")
        read, known = self._facts.values(kind.reads), self._before.get(owner.key)
        if known is None or not known.is_current(owner, read, self._facts.now):
            known = self._expand(owner, kind, read)
        self._known[owner.key] = known
        return known

    @property
    def until(self) -> datetime | None:
        """When the first result must be computed again, None if none depends on a time."""
        return min((each.until for each in self._known.values() if each.until), default=None)

    @property
    def reads(self) -> frozenset[str]:
        """The names of the facts that were read."""
        kinds = (self.kinds[key.kind] for key in self._known)
        return frozenset(name for kind in kinds if isinstance(kind, Expander) for name in kind.reads)

    def _expand(self, owner: OwnerDocument, kind: Expander, read: tuple[object, ...]) -> Expanded:
        try:
            expansion = kind.expand(owner, self._facts.only(kind.reads))
            return self._parse(owner, kind, replace(Expanded(owner, read), until=expansion.until), expansion)
        except Exception as error:  # noqa: BLE001  a bug must affect one document only
            what = "expanding this document raised an error: this is a bug in kvmreconcile, or in the package that its kind comes from"
            problem = LocatedProblem(owner.source, f"{owner.key}: {what}", "report it with the document")
            return Expanded(owner, read, problems=(problem,), crash=error)

    def _parse(self, owner: OwnerDocument, kind: Expander, into: Expanded, expansion: Expansion) -> Expanded:
        if expansion.problems:
            found = (LocatedProblem(p.source, f"{owner.key}: {p.what}", p.todo) for p in expansion.problems)
            return replace(into, problems=tuple(found))
        children: list[ParsedDocument] = []
        for item in expansion.documents:
            for child in self._parse_one(owner, kind, item):
                children.append(child)
                # The documents of a set mostly have the same problems, so those of one are enough.
                if problems := (*child.problems, *child.definition_problems):
                    wrong = (replace(p, what=f"{owner.key}: {p.what}") for p in problems)
                    return replace(into, children=tuple(children), problems=tuple(wrong))
        return replace(into, children=tuple(children))

    def _parse_one(
        self, owner: OwnerDocument, kind: Expander, item: LocatedValue
    ) -> Iterator[ParsedDocument]:
        """Yield the document of an item, or the documents that it stands for itself."""
        parsed = parse_document(ParsedYaml(item), owner.directory, self.kinds, self.instance)
        if parsed is None:
            return
        if parsed.owner is None:
            own = parsed.desired
            desired = replace(own, owner=owner.key, placed=own.placed or owner.placed) if own else None
            yield replace(parsed, desired=desired)
            return
        inner = self.kinds[parsed.owner.kind]
        if not isinstance(inner, Expander) or inner.stage <= kind.stage:
            what = f"{parsed.key}: a {owner.kind} cannot stand for a {parsed.owner.kind}"
            problem = LocatedProblem(parsed.owner.source, what, "write it as a document of its own")
            yield replace(parsed, problems=(problem,))
            return
        expanded = self.expand(parsed.owner)
        if expanded.problems:
            yield replace(parsed, problems=expanded.problems)
        yield from expanded.children
