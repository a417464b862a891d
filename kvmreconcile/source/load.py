"""
Load specs: from paths to what is desired, with every mistake named and what it freezes.

Separate from checking one document, because only here are all documents seen: two for one object, and
whether any was missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.kinds.kind import Document, Kind, derived_uuid
from kvmreconcile.model import Desired, Key, Source
from kvmreconcile.source.document import check, find
from kvmreconcile.source.fault import Fault
from kvmreconcile.source.files import SpecFile, read_all
from kvmreconcile.source.item import Item
from kvmreconcile.source.text import chunks, decode
from kvmreconcile.source.yaml import read


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    What was found in spec files.

    Attributes:
        documents: Those with nothing wrong.
        desired: What they say.
        problems: All that is wrong, in the order of files and lines.
        frozen: Objects whose document is wrong: neither changed nor pruned.
        complete: Whether every file was read, and of every document at least which object it is about.
            Without it nothing may be pruned. Where there is no document at all it is false, too.
    """

    documents: tuple[Document, ...]
    desired: Mapping[Key, Desired]
    problems: tuple[Problem, ...]
    frozen: frozenset[Key]
    complete: bool


def load(paths: Sequence[Path], kinds: Mapping[str, Kind], instance: str) -> Loaded:
    """Read files and trees of files; `kinds` is by name, `instance` is what UUIDs are derived from."""
    loading = _Loading(kinds)
    for found in read_all(paths):
        loading.take(found)
    loading.freeze_twins()
    for document in loading.documents:
        loading.desire(document, instance)
    return Loaded(
        tuple(d for d in loading.documents if loading.key(d) in loading.desired),
        loading.desired,
        tuple(dict.fromkeys(f.problem() for f in sorted(loading.faults, key=lambda fault: fault.order))),
        frozenset(loading.frozen),
        complete=loading.complete and bool(loading.documents or loading.frozen),
    )


@dataclass(slots=True)
class _Loading:
    """A load under way."""

    kinds: Mapping[str, Kind]
    documents: list[Document] = field(default_factory=list)
    items: dict[Source, Item] = field(default_factory=dict)
    desired: dict[Key, Desired] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    frozen: set[Key] = field(default_factory=set)
    complete: bool = True

    def take(self, found: SpecFile | Fault) -> None:
        """Take one file in, or what kept it from being read."""
        if isinstance(found, Fault):
            self.miss(found)
            return
        text = decode(found.content, found.name)
        if isinstance(text, Fault):
            self.miss(text)
            return
        for chunk in chunks(text):
            reading = read(chunk, found.name)
            checked = check(reading, self.kinds, found.path.parent)
            self.faults += checked.faults
            if checked.document is not None and reading.item is not None:
                self.items[checked.document.source] = reading.item
                self.documents.append(checked.document)
            elif checked.faults:
                self.frozen |= {checked.key} if checked.key else set()
                self.complete &= reading.whole and checked.key is not None

    def miss(self, fault: Fault) -> None:
        """Note that a file was not read."""
        self.complete = False
        self.faults.append(fault)

    def key(self, document: Document) -> Key:
        """Return the key of a document."""
        return self.kinds[document.kind].key(document)

    def freeze_twins(self) -> None:
        """Take out every document about an object that another one is about, too."""
        first: dict[Key, Document] = {}
        for document in self.documents:
            key = self.key(document)
            other = first.setdefault(key, document)
            if other is not document:
                self.frozen.add(key)
                for one, two in ((other, document), (document, other)):
                    what = f"{key} is also described at {two.source}"
                    self.faults.append(Fault(one.source, what, "keep one of them, or rename the other"))
        self.documents = [d for d in self.documents if self.key(d) not in self.frozen]

    def desire(self, document: Document, instance: str) -> None:
        """Work out what a document says."""
        key = self.key(document)
        try:
            self.desired[key] = self.kinds[document.kind].desire(document, derived_uuid(instance, key))
        except SpecError as error:
            self.frozen.add(key)
            for problem in error.problems:
                # The last part of where it is names the field, if any: "file:1:1: Domain/web1: spec.xml".
                name = problem.where.rpartition(": ")[2]
                found = find(self.items[document.source], *name.split("."))
                what = f"{name}: {problem.what}" if found else problem.what
                self.faults.append(
                    Fault(found.source if found else document.source, what, problem.todo).of(str(key))
                )
