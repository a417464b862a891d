"""
Parse one spec file into objects and problems.

The result depends only on the content and path of the file, so an unchanged file need not be parsed
again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kvmreconcile.errors import SpecError
from kvmreconcile.kinds.expander import Expander, OwnerDocument
from kvmreconcile.kinds.kind import Document, Kind, derived_uuid
from kvmreconcile.model import Content, DefinitionProblem, Desired, Key, Source
from kvmreconcile.model.located import LocatedValue, find_value
from kvmreconcile.model.placement import Placement
from kvmreconcile.source import fragment
from kvmreconcile.source.decoding import chunks, decode
from kvmreconcile.source.document import validate_document
from kvmreconcile.source.files import SpecFile
from kvmreconcile.source.foreign import identify_foreign
from kvmreconcile.source.located import ParsedYaml
from kvmreconcile.source.placement import read_placement
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.references import find_references
from kvmreconcile.source.secret_paths import check_secret_paths
from kvmreconcile.source.xml_places import source_of
from kvmreconcile.source.yaml import parse_yaml
from kvmreconcile.tree import Node
from kvmreconcile.tree.walk import numbered

DocumentKinds = Mapping[str, Kind | Expander]
"""The kinds that documents can have, by name."""


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file of another program; `what` names its format."""

    what: str


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """
    One document of a spec file.

    Attributes:
        document: The valid document, or None if it has problems.
        key: The key of the document's object, even if the document is invalid; None if the key
            itself cannot be read.
        desired: The desired state, or None if the document does not give a valid definition.
        owner: The valid document if it generates other documents.
        placement: The hosts that the document is for, even if the document is invalid; None for every host.
        problems: Problems of the document itself, found in its YAML or by its kind's model.
        definition_problems: Problems of the definition that results from the document.
        whole: Whether the whole document was read.
        crash: The exception that was raised while the document was read, or None. It is a bug and
            affects only this document.
    """

    document: Document | None
    key: Key | None
    desired: Desired | None
    problems: tuple[LocatedProblem, ...]
    definition_problems: tuple[LocatedProblem, ...]
    whole: bool
    crash: Exception | None = None
    owner: OwnerDocument | None = None
    placement: Placement | None = None

    @property
    def source(self) -> Source:
        """The place of a valid document."""
        valid = self.document or self.owner
        return valid.source if valid else Source()


ParsedFile = tuple[ParsedDocument, ...] | ForeignFile | LocatedProblem


def parse_file(file: SpecFile, kinds: DocumentKinds, instance: str) -> ParsedFile:
    """
    Parse a file's documents.

    Args:
        kinds: All kinds of documents, by name.
        instance: The name of this instance, from which UUIDs are derived.
    """
    text = decode(file.content, file.name)
    if isinstance(text, LocatedProblem):
        return text
    documents = tuple(_parse_documents(text, file, kinds, instance))
    if any(each.document or each.owner or each.crash for each in documents) or not documents:
        return documents
    what = identify_foreign(text, file.name, kinds)
    return ForeignFile(what) if what else documents


def _parse_documents(
    text: str, file: SpecFile, kinds: DocumentKinds, instance: str
) -> Iterator[ParsedDocument]:
    for chunk in chunks(text):
        try:
            parsed = parse_document(parse_yaml(chunk, file.name), file.path.parent, kinds, instance)
        except Exception as error:  # noqa: BLE001  a bug must affect one document only
            source = Source(file.name, chunk.lines_before + 1, 1)
            what = (
                "reading this document failed because of a bug in kvmreconcile or in the package "
                "that provides its kind"
            )
            problem = LocatedProblem(source, what, "report the bug with the document, but without passwords")
            parsed = ParsedDocument(None, None, None, (problem,), (), whole=False, crash=error)
        if parsed:
            yield parsed


def parse_document(
    reading: ParsedYaml, directory: Path, kinds: DocumentKinds, instance: str
) -> ParsedDocument | None:
    """Return one document, or None if it is empty. Relative paths refer to `directory`."""
    checked = validate_document(reading, kinds, directory)
    item, document = reading.item, checked.document
    parsed = ParsedDocument(
        document=document,
        key=checked.key,
        desired=None,
        problems=checked.problems,
        definition_problems=(),
        whole=reading.whole,
        owner=checked.owner,
        placement=read_placement(item) if item and reading.whole else None,
    )
    kind = kinds[document.kind] if document else None
    if document is None or item is None or not isinstance(kind, Kind):
        return parsed if checked.problems or checked.owner else None
    key = kind.key(document)
    try:
        desired = kind.desire(document, derived_uuid(instance, key))
        desired = _with_places(desired, item, kind, placed=parsed.placement is not None)
        wrong = [_locate_definition_problem(each, item, kind) for each in kind.find_problems(desired.tree)]
        wrong += check_secret_paths(item, desired.tree, kind.rules)
    except SpecError as error:
        found = tuple(_definition_problems(error, item, key))
        return replace(parsed, key=key, definition_problems=found)
    problems = tuple(problem.of(str(key)) for problem in wrong)
    return replace(parsed, key=key, desired=None if wrong else desired, definition_problems=problems)


def _with_places(desired: Desired, item: LocatedValue, kind: Kind, *, placed: bool) -> Desired:
    """Return a desired object with the places in its document at which it refers to other objects."""
    return replace(
        desired,
        creation=replace(desired.creation, content=_locate_content(desired.creation.content, item)),
        references=tuple(find_references(item, kind)),
        places=tuple(_find_claims(desired.tree, item, kind)),
        placed=placed,
    )


def _find_claims(tree: Node, item: LocatedValue, kind: Kind) -> Iterator[tuple[str, Source]]:
    """Yield each element of a definition that identifies a host resource, with its place."""
    spec = find_value(item, "spec") or item
    for path, place, _ in numbered(tree):
        if kind.rules.identities.get(path):
            yield place, source_of(place, spec, kind.spec)


def _locate_content(content: Content | None, item: LocatedValue) -> Content | None:
    """Return the content of a new object, with the place where the document names the content."""
    found = find_value(item, *content.named_by.split(".")) if content else None
    return replace(content, source=found.source) if content and found else content


def _locate_definition_problem(problem: DefinitionProblem, item: LocatedValue, kind: Kind) -> LocatedProblem:
    """Convert an error of a definition to a problem at its place in the document."""
    spec = find_value(item, "spec") or item
    what = problem.what
    if problem.other:
        what += f" (the other is at {source_of(problem.other, spec, kind.spec)})"
    return LocatedProblem(source_of(problem.place, spec, kind.spec), what, problem.todo)


def _definition_problems(error: SpecError, item: LocatedValue, key: Key) -> Iterator[LocatedProblem]:
    for problem in error.problems:
        # The last part of the place may name a field and, for XML, an element inside the field:
        # "file:1:1: Domain/web1: spec.xml:devices/disk[2]".
        name, _, element = problem.where.rpartition(": ")[2].partition(":")
        found = find_value(item, *name.split("."))
        what = f"{name}: {problem.what}" if found else problem.what
        source = fragment.source_in_fragment(found, element) if found and element else None
        yield LocatedProblem(source or (found or item).source, what, problem.todo).of(str(key))
