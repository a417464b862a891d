"""
Define kinds of documents that generate other documents, such as a set of equal domains.

A plugin (entry-point group `kvmreconcile.expanders`) imports everything it needs from this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path

from kvmreconcile.model import Facts, Key, Source
from kvmreconcile.model.located import LocatedValue
from kvmreconcile.schema.section import Spec

__all__ = [
    "Expander",
    "Expansion",
    "ExpansionProblem",
    "Facts",
    "LocatedValue",
    "OwnerDocument",
    "Spec",
    "Stage",
]


class Stage(IntEnum):
    """The stages of expansion: documents of one stage may generate documents of later stages only."""

    PLACEMENT = 1
    SET = 2
    TUNE = 3
    SCHEDULE = 4


@dataclass(frozen=True, slots=True)
class OwnerDocument:
    """
    A valid document that generates others, which it owns.

    Attributes:
        spec: An instance of the model of its kind.
        directory: The directory at which relative paths start, also those of its documents.
        item: The whole document, with the place of each value.
        placed: Whether it says on which hosts its objects are.
    """

    kind: str
    name: str
    spec: Spec
    source: Source
    directory: Path
    item: LocatedValue
    placed: bool = False

    @property
    def key(self) -> Key:
        """The key of the document."""
        return Key(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class ExpansionProblem:
    """A problem of a document that generates others: its place, what is wrong, and what to do about it."""

    source: Source
    what: str
    todo: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """
    The documents that another document generates.

    Attributes:
        documents: Whole documents, as they are written in spec files. Each value has the place that messages name.
        until: When the result must be computed again, None if it depends on no time.
        problems: If there are any, no document is used, and the objects of earlier documents are not changed.
    """

    documents: tuple[LocatedValue, ...] = ()
    until: datetime | None = None
    problems: tuple[ExpansionProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Expander:
    """
    A kind of documents that generate others.

    Attributes:
        spec: The model of `spec`.
        expand: Returns the documents that a document generates. Pure; called again only when the document, a fact in
            `reads` or the time `Expansion.until` requires it.
        reads: The names of the facts that it reads; all others are unknown to it.
        one_host: Whether a document must not be placed on several hosts.
    """

    name: str
    spec: type[Spec]
    expand: Callable[[OwnerDocument, Facts], Expansion]
    stage: Stage = Stage.SET
    reads: frozenset[str] = frozenset()
    one_host: bool = False
