"""Define the content of spec files: the desired state, all problems, and the objects that they freeze."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kvmreconcile.errors import Problem
from kvmreconcile.kinds.expander import OwnerDocument
from kvmreconcile.kinds.kind import Document
from kvmreconcile.model import ALL_FILES, Desired, FirstSeen, Key, SpecSource
from kvmreconcile.source.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    The content of spec files.

    Attributes:
        documents: The valid documents.
        desired: The desired state of the object that each valid document defines.
        problems: All problems, in the order of files and lines.
        frozen: Objects with an invalid document. They are neither changed nor pruned.
        complete: Whether every file was read, the object of every document is known, and there is
            at least one document. Otherwise, nothing may be pruned.
        coverage: Which files were read, and which were excluded.
        first_seen: Since when each document has had its present content, by its file's times.
        source: The source that was read.
        crashes: Exceptions that documents caused while they were read; each is a bug.
        owners: The valid documents that generate others.
        until: When the documents that generate others must be expanded again, None if that depends on no time.
        reads: The names of the facts that these documents depend on.
        elsewhere: Objects whose documents are for other hosts, each with these hosts.
    """

    documents: tuple[Document, ...]
    desired: Mapping[Key, Desired]
    problems: tuple[Problem, ...]
    frozen: frozenset[Key]
    complete: bool
    coverage: Coverage = field(default_factory=Coverage, compare=False)
    first_seen: FirstSeen = field(default_factory=FirstSeen, compare=False)
    source: SpecSource = ALL_FILES
    crashes: tuple[Exception, ...] = field(default=(), compare=False)
    owners: tuple[OwnerDocument, ...] = ()
    until: datetime | None = None
    reads: frozenset[str] = frozenset()
    elsewhere: Mapping[Key, str] = field(default_factory=dict)
