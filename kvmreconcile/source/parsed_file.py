"""
One file, made into what its documents say or what is wrong with each of them.

Separate from loading, which sees all files: this depends on one file's bytes and nothing else, so that a file that
has not changed need not be read again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kvmreconcile.errors import SpecError
from kvmreconcile.kinds.kind import Document, Kind, derived_uuid
from kvmreconcile.model import Content, Desired, Key, Mistake, Source
from kvmreconcile.source import fragment
from kvmreconcile.source.decoding import Chunk, chunks, decode
from kvmreconcile.source.document import check, find
from kvmreconcile.source.files import SpecFile
from kvmreconcile.source.foreign import identify_foreign
from kvmreconcile.source.located import LocatedValue
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.references import references
from kvmreconcile.source.secret_paths import check as check_secrets
from kvmreconcile.source.xml_places import source_of
from kvmreconcile.source.yaml import read
from kvmreconcile.tree import Node
from kvmreconcile.tree.walk import numbered


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file that belongs to another program, and what it is taken for."""

    what: str


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """
    One document.

    Attributes:
        document: None where anything is wrong with it by itself.
        key: Of the object it is about, wrong or not; None where even that cannot be read.
        desired: What it says; None where it cannot be said in libvirt's words.
        faults: What is wrong with the document.
        contradictions: What is wrong with what it says.
        whole: Whether all of it was read.
        crash: What was raised while it was read: a bug, which costs this document alone.
    """

    document: Document | None
    key: Key | None
    desired: Desired | None
    faults: tuple[LocatedProblem, ...]
    contradictions: tuple[LocatedProblem, ...]
    whole: bool
    crash: Exception | None = None


ParsedFile = tuple[ParsedDocument, ...] | ForeignFile | LocatedProblem


def parse_file(file: SpecFile, kinds: Mapping[str, Kind], instance: str) -> ParsedFile:
    """Read a file's documents, or tell why it has none that count; `instance` is what UUIDs are derived from."""
    text = decode(file.content, file.name)
    if isinstance(text, LocatedProblem):
        return text
    pieces = tuple(_pieces(text, file, kinds, instance))
    if any(piece.document or piece.crash for piece in pieces) or not pieces:
        return pieces
    what = identify_foreign(text, file.name, kinds)
    return ForeignFile(what) if what else pieces


def _pieces(text: str, file: SpecFile, kinds: Mapping[str, Kind], instance: str) -> Iterator[ParsedDocument]:
    for chunk in chunks(text):
        try:
            piece = _piece(chunk, file, kinds, instance)
        except Exception as error:  # noqa: BLE001  a bug costs one document, and not all that there are
            source = Source(file.name, chunk.lines_before + 1, 1)
            what = (
                "reading this document raised an error: this is a bug in kvmreconcile, or in the package "
                "that its kind comes from"
            )
            fault = LocatedProblem(source, what, "report it with the document, but without passwords")
            piece = ParsedDocument(None, None, None, (fault,), (), whole=False, crash=error)
        if piece:
            yield piece


def _piece(chunk: Chunk, file: SpecFile, kinds: Mapping[str, Kind], instance: str) -> ParsedDocument | None:
    """Return one document, None where it says nothing."""
    reading = read(chunk, file.name)
    checked = check(reading, kinds, file.path.parent)
    if checked.document is None or reading.item is None:
        return (
            ParsedDocument(None, checked.key, None, checked.faults, (), reading.whole)
            if checked.faults
            else None
        )
    kind = kinds[checked.document.kind]
    key = kind.key(checked.document)
    desired: Desired | None = None
    contradictions: tuple[LocatedProblem, ...] = ()
    try:
        desired = kind.desire(checked.document, derived_uuid(instance, key))
        content = _placed(desired.content, reading.item)
        named = tuple(references(reading.item, kind))
        claimed = tuple(_claimed(desired.tree, reading.item, kind))
        desired = replace(desired, references=named, places=claimed, content=content)
        wrong = [_mistaken(mistake, reading.item, kind) for mistake in kind.mistakes(desired.tree)]
        wrong += check_secrets(reading.item, desired.tree, kind.rules)
        contradictions = tuple(fault.of(str(key)) for fault in wrong)
    except SpecError as error:
        contradictions = tuple(_contradictions(error, reading.item, key))
    desired = None if contradictions else desired
    return ParsedDocument(checked.document, key, desired, checked.faults, contradictions, reading.whole)


def _claimed(tree: Node, item: LocatedValue, kind: Kind) -> Iterator[tuple[str, Source]]:
    """Yield each element of a definition that claims something, and its place in the document."""
    spec = find(item, "spec") or item
    for path, place, _ in numbered(tree):
        if kind.rules.identities.get(path):
            yield place, source_of(place, spec, kind.spec)


def _placed(content: Content | None, item: LocatedValue) -> Content | None:
    """Return what a new object starts as, with the place where the document names it."""
    found = find(item, *content.named_by.split(".")) if content else None
    return replace(content, source=found.source) if content and found else content


def _mistaken(mistake: Mistake, item: LocatedValue, kind: Kind) -> LocatedProblem:
    """Report an error of a definition at its place in the document."""
    spec = find(item, "spec") or item
    what = mistake.what
    if mistake.other:
        what += f" (the other is at {source_of(mistake.other, spec, kind.spec)})"
    return LocatedProblem(source_of(mistake.place, spec, kind.spec), what, mistake.todo)


def _contradictions(error: SpecError, item: LocatedValue, key: Key) -> Iterator[LocatedProblem]:
    for problem in error.problems:
        # The last part of the place names the field, if any, and the element inside it, if it is XML:
        # "file:1:1: Domain/web1: spec.xml:devices/disk[2]".
        name, _, element = problem.where.rpartition(": ")[2].partition(":")
        found = find(item, *name.split("."))
        what = f"{name}: {problem.what}" if found else problem.what
        source = fragment.source_of(found, element) if found and element else None
        yield LocatedProblem(source or (found or item).source, what, problem.todo).of(str(key))
