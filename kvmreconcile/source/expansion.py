"""
Expand documents that generate others, such as sets, into parsed documents.

A result is kept, and reused while neither the document nor a fact that its kind reads has changed.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from kvmreconcile.kinds.expander import Expander, Expansion, OwnerDocument
from kvmreconcile.model import Facts, Key, Source
from kvmreconcile.source.located import ParsedYaml
from kvmreconcile.source.parsed_file import DocumentKinds, ParsedDocument, parse_document
from kvmreconcile.source.problem import LocatedProblem


@dataclass(frozen=True, slots=True)
class Expanded:
    """
    The documents that one document generates, directly or through others.

    Attributes:
        read: The values of the facts that were read.
        inner: The expansions of generated documents that generate others themselves.
        children: The documents, each with its owner.
        until: When the result must be computed again, None if it depends on no time.
        problems: Problems of the document or of those that it generates. If there are any, none of them is used.
        crash: The exception that was raised: a bug, which affects this document only.
    """

    owner: OwnerDocument
    read: tuple[object, ...] = ()
    children: tuple[ParsedDocument, ...] = ()
    until: datetime | None = None
    problems: tuple[LocatedProblem, ...] = ()
    crash: Exception | None = None
    inner: "tuple[Expanded, ...]" = ()

    def all(self) -> "Iterator[Expanded]":
        """Yield this expansion and those in it."""
        yield self
        for each in self.inner:
            yield from each.all()


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
        """Return the documents that a document generates."""
        kind = self.kinds[owner.kind]
        if not isinstance(kind, Expander):
            raise TypeError(f"{owner.kind} does not generate other documents")
        before = self._before.get(owner.key)
        if before and before.owner is owner and all(map(self._is_current, before.all())):
            known = before
        else:
            known = _reuse_equal(self._expand(owner, kind), before)
        self._known[owner.key] = known
        return known

    @property
    def until(self) -> datetime | None:
        """When the first result must be computed again, None if none depends on a time."""
        return min((each.until for each in self._all() if each.until), default=None)

    @property
    def reads(self) -> frozenset[str]:
        """The names of the facts that were read."""
        kinds = (self.kinds[each.owner.kind] for each in self._all())
        return frozenset(name for kind in kinds if isinstance(kind, Expander) for name in kind.reads)

    def _all(self) -> Iterator[Expanded]:
        for known in self._known.values():
            yield from known.all()

    def _is_current(self, known: Expanded) -> bool:
        """Return whether the facts that a document reads are the same, and its time has not come."""
        kind = self.kinds[known.owner.kind]
        is_same = isinstance(kind, Expander) and known.read == self._facts.values(kind.reads)
        return is_same and (known.until is None or self._facts.now < known.until)

    def _expand(self, owner: OwnerDocument, kind: Expander) -> Expanded:
        read = self._facts.values(kind.reads)
        try:
            expansion = kind.expand(owner, self._facts.only(kind.reads))
            return self._parse(owner, kind, replace(Expanded(owner, read), until=expansion.until), expansion)
        except Exception as error:  # noqa: BLE001  a bug must affect one document only
            what = "expanding this document raised an error: this is a bug in kvmreconcile, or in the package that its kind comes from"
            problem = LocatedProblem(owner.source, f"{owner.key}: {what}", "report it with the document")
            return Expanded(owner, read, problems=(problem,), crash=error)

    def _parse(self, owner: OwnerDocument, kind: Expander, into: Expanded, expansion: Expansion) -> Expanded:
        if expansion.problems:
            own = (LocatedProblem(p.source, f"{owner.key}: {p.what}", p.todo) for p in expansion.problems)
            return replace(into, problems=tuple(own))
        children, inner = list[ParsedDocument](), list[Expanded]()
        found: dict[Source, tuple[LocatedProblem, ...]] = {}
        for item in expansion.documents:
            parsed = parse_document(ParsedYaml(item), owner.directory, self.kinds, self.instance)
            problems: tuple[LocatedProblem, ...] = ()
            if parsed and parsed.owner:
                inner.append(self._expand_inner(parsed.owner, kind))
                children += inner[-1].children
                problems = inner[-1].problems
            elif parsed:
                children.append(_owned(parsed, owner))
                problems = (*parsed.problems, *parsed.definition_problems)
            # Generated documents share their places; the problems that the first one has there suffice.
            found = _by_place(replace(p, what=f"{owner.key}: {p.what}") for p in problems) | found
        return replace(
            into,
            children=tuple(children),
            inner=tuple(inner),
            problems=tuple(itertools.chain.from_iterable(found.values())),
        )

    def _expand_inner(self, owner: OwnerDocument, outer: Expander) -> Expanded:
        """Return the generated documents that are generated by another generated document."""
        kind = self.kinds[owner.kind]
        if isinstance(kind, Expander) and kind.stage > outer.stage:
            return self._expand(owner, kind)
        what = f"{owner.key}: a {outer.name} cannot generate a {owner.kind}"
        problem = LocatedProblem(owner.source, what, "write it as a document of its own")
        return Expanded(owner, problems=(problem,))


def _by_place(problems: Iterable[LocatedProblem]) -> dict[Source, tuple[LocatedProblem, ...]]:
    """Return the problems of one document, by their places."""
    found: dict[Source, tuple[LocatedProblem, ...]] = {}
    for problem in problems:
        found[problem.source] = (*found.get(problem.source, ()), problem)
    return found


def _owned(parsed: ParsedDocument, owner: OwnerDocument) -> ParsedDocument:
    """Return a document with its owner, which also places it on hosts."""
    own = parsed.desired
    desired = replace(own, owner=owner.key, placed=own.placed or owner.placed) if own else None
    return replace(parsed, desired=desired)


def _reuse_equal(found: Expanded, before: Expanded | None) -> Expanded:
    """Return an expansion with the earlier documents where they are equal: only changed objects are compared again."""
    if before is None:
        return found
    known = {child.key: child for child in before.children}
    pairs = ((child, known.get(child.key, child)) for child in found.children)
    return replace(found, children=tuple(was if was == child else child for child, was in pairs))
