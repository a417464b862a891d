"""
Make one document of a file an object of its kind, or name all that is wrong with it.

Separate from loading, which knows of files and of many documents, and decides what their faults freeze.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kvmreconcile.kinds.kind import Document, Kind
from kvmreconcile.model import Key
from kvmreconcile.schema.section import TYPED
from kvmreconcile.source import fragment
from kvmreconcile.source.envelope import Envelope, envelope
from kvmreconcile.source.located import LocatedValue, Reading, plain
from kvmreconcile.source.problem import LocatedProblem, shown
from kvmreconcile.source.suggestions import advice
from kvmreconcile.source.validation import describe_errors
from kvmreconcile.source.xml_places import fragments


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """
    What became of a document.

    Attributes:
        document: None where anything is wrong.
        key: Of the object it is about, wrong or not; None where even that cannot be read.
        faults: All that is wrong, each with the object's name.
    """

    document: Document | None
    key: Key | None
    faults: tuple[LocatedProblem, ...]


def check(reading: Reading, kinds: Mapping[str, Kind], directory: Path) -> CheckedDocument:
    """Check what was read of a document that says something; `directory` is where its relative paths start."""
    item = reading.item
    if item is None or not isinstance(item.value, Mapping):
        todo = "start it with 'apiVersion: kvmreconcile/v1'"
        odd = (LocatedProblem(item.source, "a document must be a mapping of fields", todo),) if item else ()
        return CheckedDocument(None, None, reading.faults or odd)
    kind = kinds.get(_text(item, "kind"))
    document, faults = None, list(reading.faults)
    if reading.whole:
        document, wrong = _validate(item, kind, directory) if kind else (None, _without_kind(item, kinds))
        places = {fault.source for fault in faults}
        faults += [fault for fault in wrong if fault.source not in places]
    key = _key(item, kind, faults, directory) if kind else None
    label = (
        str(key) if key else "/".join(filter(None, (_text(item, "kind"), _text(item, "metadata", "name"))))
    )
    ordered = sorted(faults, key=lambda fault: fault.order)
    return CheckedDocument(
        None if faults else document, key, tuple(fault.of(shown(label)) for fault in ordered)
    )


def _validate(
    item: LocatedValue, kind: Kind, directory: Path
) -> tuple[Document | None, list[LocatedProblem]]:
    model = envelope(kind)
    faults: list[LocatedProblem] = []
    try:
        whole: Any = model.model_validate(plain(item), context=TYPED)
    except ValidationError as error:
        whole = None
        faults += describe_errors(error, item, model, kind.name)
    spec = find(item, "spec")
    for xml, path in fragments(spec, (kind.spec,)) if spec else ():
        faults += fragment.check(xml, path.rpartition("/")[2] or kind.root)
    if whole is None:
        return None, faults
    about = whole.metadata
    return Document(kind.name, about.name, whole.spec, about.labels, item.source, directory), faults


def _without_kind(item: LocatedValue, kinds: Mapping[str, Kind]) -> Iterator[LocatedProblem]:
    """Yield what can be told of a document whose kind is missing or unknown."""
    try:
        Envelope.model_validate(plain(item))
    except ValidationError as error:
        yield from describe_errors(error, item, Envelope, "")
    kind = find(item, "kind")
    if kind is not None and isinstance(kind.value, str):
        word = kind.value
        yield LocatedProblem(kind.source, f"unknown kind '{shown(word)}'", advice(word, kinds))


def _key(item: LocatedValue, kind: Kind, faults: list[LocatedProblem], directory: Path) -> Key | None:
    """Return the key of a document even if other parts of it are wrong, None where the key itself may be."""
    name, spec = find(item, "metadata", "name"), find(item, "spec")
    wrong = {fault.source for fault in faults}
    if name is None or not isinstance(name.value, str) or not name.value or name.source in wrong:
        return None
    fields = spec.value if spec is not None and isinstance(spec.value, Mapping) else {}
    right: dict[str, Any] = {k: plain(e.item) for k, e in fields.items() if e.item.source not in wrong}
    loose = kind.spec.model_construct(None, **right)
    try:
        return kind.key(Document(kind.name, name.value, loose, {}, item.source, directory))
    except AttributeError:
        return None


def find(item: LocatedValue, *names: str) -> LocatedValue | None:
    """Return the value at a path of fields, None where there is none."""
    for name in names:
        if not isinstance(item.value, Mapping) or name not in item.value:
            return None
        item = item.value[name].item
    return item


def _text(item: LocatedValue, *names: str) -> str:
    found = find(item, *names)
    return found.value if found is not None and isinstance(found.value, str) else ""
