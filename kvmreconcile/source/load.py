"""
Load specs: from paths to what is desired, with every mistake named and what it freezes.

Separate from checking one document, because only here are all documents seen: two for one object, and
whether any was missed.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kvmreconcile.errors import Problem
from kvmreconcile.kinds.kind import Document, Kind
from kvmreconcile.model import ALL_FILES, Desired, FirstSeen, Key, SpecSource
from kvmreconcile.source.coverage import FOREIGN, Coverage, ExcludedPath
from kvmreconcile.source.drafts import Draft, reject_open_files
from kvmreconcile.source.file_names import BY_PATH, Naming
from kvmreconcile.source.files import Found, SpecFile, read_all
from kvmreconcile.source.parsed_file import ForeignFile, ParsedDocument, ParsedFile, parse_file
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.sparse import is_pointer_file, pointer_problem
from kvmreconcile.source.walk import PathChange


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
        coverage: Which files they are in, and what was left out.
        sightings: Since when they have said what they say, by the files' own times.
        source: Which source was read.
        crashes: What was raised while documents were read: bugs, each of which costs one document.
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


def load(paths: Sequence[Path], kinds: Mapping[str, Kind], instance: str, naming: Naming = BY_PATH) -> Loaded:
    """Read files and trees of files; `kinds` is by name, `instance` is what UUIDs are derived from."""
    return Loader(kinds, instance).load(paths, naming)


@dataclass(slots=True)
class Loader:
    """
    Loads the same files again and again; one whose name and bytes are as before says what it said before.

    So a revision says the same where it is the same, though each is laid out in a directory of its own.
    """

    kinds: Mapping[str, Kind]
    instance: str
    _known: dict[str, tuple[SpecFile, ParsedFile]] = field(default_factory=dict)

    def load(self, paths: Sequence[Path], naming: Naming = BY_PATH) -> Loaded:
        """Read files and trees of files."""
        found = reject_open_files(read_all(paths, naming))
        return self.combine(found, Coverage(tuple(paths), naming))

    def combine(self, found: Iterable[Found | Draft], coverage: Coverage) -> Loaded:
        """Return what files say that were read, or are being read meanwhile; `coverage` says from where."""
        # All of them, before any is looked into: that takes far longer than reading.
        found, read_s = list(found), time.time()
        before, self._known = self._known, {}
        loading = _Loading(coverage, read_s)
        for each in found:
            if isinstance(each, SpecFile):
                loading.take(self._read(each, before), each)
            else:
                loading.note(each)
        return loading.loaded()

    def _read(self, file: SpecFile, before: Mapping[str, tuple[SpecFile, ParsedFile]]) -> ParsedFile:
        known = before.get(file.name)
        if known is None or not _says_the_same(file, *known):
            known = (file, parse_file(file, self.kinds, self.instance))
        self._known[file.name] = known
        return known[1]


def _says_the_same(file: SpecFile, known: SpecFile, pieces: ParsedFile) -> bool:
    """Tell whether a file says what one of its name said before; what names another file says which by its own place."""
    if file.content != known.content:
        return False
    is_tied = isinstance(pieces, tuple) and any(p.desired and p.desired.content for p in pieces)
    return file.path == known.path or not is_tied


@dataclass(slots=True)
class _Loading:
    """
    A load under way.

    Attributes:
        newest_s: When the newest of all files, directories and links was changed.
        changed_s: When the file of each document was; without those that were reached by a link, of which the link
            may have been turned later.
    """

    coverage: Coverage
    read_s: float
    newest_s: float = 0.0
    changed_s: dict[Key, float] = field(default_factory=dict)
    right: list[tuple[Key, ParsedDocument]] = field(default_factory=list)
    faults: list[LocatedProblem] = field(default_factory=list)
    frozen: set[Key] = field(default_factory=set)
    crashes: list[Exception] = field(default_factory=list)
    complete: bool = True
    files: dict[Key, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    left_out: list[ExcludedPath] = field(default_factory=list)

    def note(self, found: LocatedProblem | Draft | PathChange | ExcludedPath) -> None:
        """Record what is no document."""
        match found:
            case LocatedProblem():
                self.complete = False
                self.faults.append(found)
            case Draft():
                self.complete &= found.is_known
                self.faults += found.faults
            case ExcludedPath():
                self.left_out.append(found)
            case PathChange():
                self.newest_s = max(self.newest_s, found.changed_s)

    def take(self, pieces: ParsedFile, file: SpecFile) -> None:
        """Take one file in, or what kept it from being understood."""
        changed_s = file.stamp.changed_s if file.stamp else self.read_s
        self.newest_s = max(self.newest_s, changed_s)
        place = self.coverage.naming.place_of(file.path)
        match pieces:
            case LocatedProblem():
                self.note(pieces)
            case ForeignFile(what=what):
                self.left_out.append(ExcludedPath(file.name, place, FOREIGN, what))
            case _:
                self.read.add(file.real)
                self._take_pieces(pieces, file, place)

    def _take_pieces(self, pieces: tuple[ParsedDocument, ...], file: SpecFile, place: str) -> None:
        changed_s = file.stamp.changed_s if file.stamp else self.read_s
        for piece in pieces:
            self.faults += piece.faults
            self.crashes += [piece.crash] if piece.crash else []
            if piece.document is not None and piece.key is not None:
                self.right.append((piece.key, piece))
                self.files[piece.key] = place
                if file.real == str(file.path):
                    self.changed_s[piece.key] = changed_s
                continue
            self.frozen |= {piece.key} if piece.key else set()
            self.complete &= piece.whole and piece.key is not None

    def loaded(self) -> Loaded:
        """Return what all files say together."""
        self._freeze_twins()
        desired: dict[Key, Desired] = {}
        documents: list[Document] = []
        count = len(self.right) + len(self.frozen)
        for key, piece in self.right:
            self.faults += piece.contradictions
            if piece.desired is None or piece.document is None or self._is_left_out(piece.desired):
                self.frozen.add(key)
            else:
                desired[key] = piece.desired
                documents.append(piece.document)
        ordered = sorted(self.faults, key=lambda fault: fault.order)
        problems = tuple(dict.fromkeys(fault.problem() for fault in ordered))
        coverage = replace(
            self.coverage,
            files=self.files,
            read=frozenset(self.read),
            left_out=tuple(self.left_out),
            whole=self.complete,
        )
        if self.complete and not count and coverage.paths:
            problems = (coverage.no_spec_problem(),)
        frozen = frozenset(self.frozen)
        first_seen = FirstSeen(self.read_s, self.changed_s, self.newest_s)
        complete = self.complete and count > 0
        return Loaded(
            tuple(documents),
            desired,
            problems,
            frozen,
            complete=complete,
            coverage=coverage,
            first_seen=first_seen,
            crashes=tuple(self.crashes),
        )

    def _is_left_out(self, desired: Desired) -> bool:
        """Return whether the file that a document names is only a pointer, and record that."""
        path = desired.content.path if desired.content else None
        if path is None or not is_pointer_file(path):
            return False
        self.faults.append(pointer_problem(self.coverage.naming.of(path)))
        return True

    def _freeze_twins(self) -> None:
        """Take out every document about an object that another one is about, too."""
        first: dict[Key, ParsedDocument] = {}
        for key, piece in self.right:
            other = first.setdefault(key, piece)
            if other is not piece and other.document and piece.document:
                self.frozen.add(key)
                one, two = other.document.source, piece.document.source
                for here, there in ((one, two), (two, one)):
                    what = f"{key} is also defined at {there}"
                    self.faults.append(LocatedProblem(here, what, "remove or rename one of them"))
        self.right = [(key, piece) for key, piece in self.right if key not in self.frozen]
