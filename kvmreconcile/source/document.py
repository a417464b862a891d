"""Validate a document of a spec file against the model of its kind, and report all problems."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kvmreconcile.kinds.expander import Expander, OwnerDocument
from kvmreconcile.kinds.kind import Document, Kind
from kvmreconcile.model import Key
from kvmreconcile.model.located import LocatedValue, find_value, plain
from kvmreconcile.schema.section import TYPED
from kvmreconcile.source import fragment
from kvmreconcile.source.envelope import Envelope, envelope
from kvmreconcile.source.located import ParsedYaml
from kvmreconcile.source.placement import check_one_host
from kvmreconcile.source.problem import LocatedProblem, printable
from kvmreconcile.source.suggestions import advice
from kvmreconcile.source.validation import describe_errors
from kvmreconcile.source.xml_places import fragments


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """
    The result of validating a document.

    Attributes:
        document: The valid document; None if there are problems, or if it generates other documents.
        owner: The valid document if it generates other documents.
        key: The key of the document's object, even if the document is invalid; None if the key
            itself cannot be read.
        problems: All problems, each with the object's name.
    """

    document: Document | None
    key: Key | None
    problems: tuple[LocatedProblem, ...]
    owner: OwnerDocument | None = None


def validate_document(
    reading: ParsedYaml, kinds: Mapping[str, Kind | Expander], directory: Path
) -> CheckedDocument:
    """
    Validate a document that is not empty.

    Args:
        directory: The directory that relative paths in the document refer to.
    """
    item = reading.item
    if item is None or not isinstance(item.value, Mapping):
        todo = "start the document with 'apiVersion: kvmreconcile/v1'"
        not_mapping = (
            (LocatedProblem(item.source, "a document must be a mapping of fields", todo),) if item else ()
        )
        return CheckedDocument(None, None, reading.problems or not_mapping)
    kind = kinds.get(_text(item, "kind"))
    document: Document | OwnerDocument | None = None
    problems = list(reading.problems)
    if reading.whole:
        document, wrong = _validate(item, kind, directory) if kind else (None, _without_kind(item, kinds))
        places = {problem.source for problem in problems}
        problems += [problem for problem in wrong if problem.source not in places]
        if kind and kind.one_host and not problems:
            problems += check_one_host(item, kind.name)
    key = _key(item, kind, problems, directory) if kind else None
    label = (
        str(key) if key else "/".join(filter(None, (_text(item, "kind"), _text(item, "metadata", "name"))))
    )
    ordered = sorted(problems, key=lambda problem: problem.order)
    labelled = tuple(problem.of(printable(label)) for problem in ordered)
    if problems:
        return CheckedDocument(None, key, labelled)
    if isinstance(document, OwnerDocument):
        return CheckedDocument(None, key, labelled, document)
    return CheckedDocument(document, key, labelled)


def _validate(
    item: LocatedValue, kind: Kind | Expander, directory: Path
) -> tuple[Document | OwnerDocument | None, list[LocatedProblem]]:
    model = envelope(kind)
    problems: list[LocatedProblem] = []
    try:
        whole: Any = model.model_validate(plain(item), context=TYPED)
    except ValidationError as error:
        whole = None
        problems += describe_errors(error, item, model, kind.name)
    spec = find_value(item, "spec")
    if isinstance(kind, Kind):
        for xml, path in fragments(spec, (kind.spec,)) if spec else ():
            problems += fragment.check_fragment(xml, path.rpartition("/")[2] or kind.root)
    if whole is None:
        return None, problems
    about = whole.metadata
    if isinstance(kind, Expander):
        placed = bool(about.hosts or about.host_selector)
        return OwnerDocument(
            kind.name, about.name, whole.spec, item.source, directory, item, placed
        ), problems
    return Document(kind.name, about.name, whole.spec, about.labels, item.source, directory), problems


def _without_kind(item: LocatedValue, kinds: Mapping[str, Kind | Expander]) -> Iterator[LocatedProblem]:
    """Yield the problems of a document whose kind is missing or unknown."""
    try:
        Envelope.model_validate(plain(item))
    except ValidationError as error:
        yield from describe_errors(error, item, Envelope, "")
    kind = find_value(item, "kind")
    if kind is not None and isinstance(kind.value, str):
        word = kind.value
        yield LocatedProblem(kind.source, f"unknown kind '{printable(word)}'", advice(word, kinds))


def _key(
    item: LocatedValue, kind: Kind | Expander, problems: list[LocatedProblem], directory: Path
) -> Key | None:
    """
    Return the key of a document even if other parts of the document are invalid.

    Returns None if the key itself cannot be read.
    """
    name, spec = find_value(item, "metadata", "name"), find_value(item, "spec")
    wrong = {problem.source for problem in problems}
    if name is None or not isinstance(name.value, str) or not name.value or name.source in wrong:
        return None
    if isinstance(kind, Expander):
        return Key(kind.name, name.value)
    fields = spec.value if spec is not None and isinstance(spec.value, Mapping) else {}
    right: dict[str, Any] = {k: plain(e.item) for k, e in fields.items() if e.item.source not in wrong}
    loose = kind.spec.model_construct(None, **right)
    try:
        return kind.key(Document(kind.name, name.value, loose, {}, item.source, directory))
    except AttributeError:
        return None


def _text(item: LocatedValue, *names: str) -> str:
    found = find_value(item, *names)
    return found.value if found is not None and isinstance(found.value, str) else ""
