"""
Load spec files into the desired state, and report all problems and the frozen objects.

Only this module has all documents: several documents may define the same object, and a file may be
missing.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kvmreconcile.errors import Problem
from kvmreconcile.kinds.kind import Document, Kind
from kvmreconcile.model import ALL_FILES, Desired, FirstSeen, Key, SpecSource
from kvmreconcile.source.coverage import FOREIGN, Coverage, ExcludedPath
from kvmreconcile.source.file_names import BY_PATH, Naming
from kvmreconcile.source.files import Found, SpecFile, read_spec_files
from kvmreconcile.source.parsed_file import ForeignFile, ParsedDocument, ParsedFile, parse_file
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.sparse import is_pointer_file, pointer_problem
from kvmreconcile.source.unfinished_files import Draft, reject_open_files
from kvmreconcile.source.walk import PathChange


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
    """
    Load files and directories.

    Args:
        kinds: All kinds by name.
        instance: The name of this instance, from which UUIDs are derived.
    """
    return Loader(kinds, instance).load(paths, naming)


@dataclass(frozen=True, slots=True)
class _KnownFile:
    """A file that an earlier load parsed, and the result."""

    file: SpecFile
    parsed: ParsedFile

    def is_same(self, file: SpecFile) -> bool:
        """Return whether parsing a file with the same name would give the same result."""
        if file.content != self.file.content:
            return False
        # Relative paths in the file refer to the file's directory.
        names_file = isinstance(self.parsed, tuple) and any(
            each.desired and each.desired.creation.content for each in self.parsed
        )
        return file.path == self.file.path or not names_file


@dataclass(slots=True)
class Loader:
    """
    Loads the same files repeatedly.

    A file is parsed again only if its name in messages or its content changes. A file that is the
    same in two revisions, which have separate checkouts, is therefore parsed only once.
    """

    kinds: Mapping[str, Kind]
    instance: str
    _known: dict[str, _KnownFile] = field(default_factory=dict)

    def load(self, paths: Sequence[Path], naming: Naming = BY_PATH) -> Loaded:
        """Load files and directories."""
        found = reject_open_files(read_spec_files(paths, naming))
        return self.combine(found, Coverage(tuple(paths), naming))

    def combine(self, found: Iterable[Found | Draft], coverage: Coverage) -> Loaded:
        """Return the content of files, which may be read lazily; `coverage` has their paths."""
        # All files are read before the slow parsing, so that they are from one point in time.
        found, read_s = list(found), time.time()
        before, self._known = self._known, {}
        loading = _Load(coverage, read_s)
        for each in found:
            if isinstance(each, SpecFile):
                loading.add_file(self._parse(each, before), each)
            else:
                loading.record(each)
        return loading.build()

    def _parse(self, file: SpecFile, before: Mapping[str, _KnownFile]) -> ParsedFile:
        known = before.get(file.name)
        if known is None or not known.is_same(file):
            known = _KnownFile(file, parse_file(file, self.kinds, self.instance))
        self._known[file.name] = known
        return known.parsed


@dataclass(slots=True)
class _Load:
    """
    A load in progress.

    Attributes:
        newest_s: When the most recently changed file, directory or symbolic link was changed.
        changed_s: When the file of each document changed, except files behind symbolic links.
        valid: Each valid document, with its key.
    """

    coverage: Coverage
    read_s: float
    newest_s: float = 0.0
    changed_s: dict[Key, float] = field(default_factory=dict)
    valid: list[tuple[Key, ParsedDocument]] = field(default_factory=list)
    problems: list[LocatedProblem] = field(default_factory=list)
    frozen: set[Key] = field(default_factory=set)
    crashes: list[Exception] = field(default_factory=list)
    complete: bool = True
    files: dict[Key, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    excluded: list[ExcludedPath] = field(default_factory=list)

    def record(self, found: LocatedProblem | Draft | PathChange | ExcludedPath) -> None:
        """Record a finding that is not a file to parse."""
        match found:
            case LocatedProblem():
                self.complete = False
                self.problems.append(found)
            case Draft():
                self.complete &= found.is_known
                self.problems += found.problems
            case ExcludedPath():
                self.excluded.append(found)
            case PathChange():
                self.newest_s = max(self.newest_s, found.changed_s)

    def add_file(self, parsed: ParsedFile, file: SpecFile) -> None:
        """Add a parsed file, or the reason why it contains no documents."""
        changed_s = file.version.changed_s if file.version else self.read_s
        self.newest_s = max(self.newest_s, changed_s)
        place = self.coverage.naming.place_of(file.path)
        match parsed:
            case LocatedProblem():
                self.record(parsed)
            case ForeignFile(what=what):
                self.excluded.append(ExcludedPath(file.name, place, FOREIGN, what))
            case _:
                self.read.add(file.real)
                self._add_documents(parsed, file, place)

    def _add_documents(self, documents: tuple[ParsedDocument, ...], file: SpecFile, place: str) -> None:
        changed_s = file.version.changed_s if file.version else self.read_s
        for parsed in documents:
            self.problems += parsed.problems
            self.crashes += [parsed.crash] if parsed.crash else []
            if parsed.document is not None and parsed.key is not None:
                self.valid.append((parsed.key, parsed))
                self.files[parsed.key] = place
                if file.real == str(file.path):
                    self.changed_s[parsed.key] = changed_s
                continue
            self.frozen |= {parsed.key} if parsed.key else set()
            self.complete &= parsed.whole and parsed.key is not None

    def build(self) -> Loaded:
        """Return the content of all files together."""
        self._freeze_duplicates()
        desired: dict[Key, Desired] = {}
        documents: list[Document] = []
        count = len(self.valid) + len(self.frozen)
        for key, parsed in self.valid:
            self.problems += parsed.definition_problems
            if parsed.desired is None or parsed.document is None or self._is_lfs_pointer(parsed.desired):
                self.frozen.add(key)
            else:
                desired[key] = parsed.desired
                documents.append(parsed.document)
        ordered = sorted(self.problems, key=lambda problem: problem.order)
        problems = tuple(dict.fromkeys(problem.to_problem() for problem in ordered))
        coverage = replace(
            self.coverage,
            files=self.files,
            read=frozenset(self.read),
            excluded=tuple(self.excluded),
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

    def _is_lfs_pointer(self, desired: Desired) -> bool:
        """Record a problem and return True if a document's file is a Git LFS pointer."""
        path = desired.creation.content.path if desired.creation.content else None
        if path is None or not is_pointer_file(path):
            return False
        self.problems.append(pointer_problem(self.coverage.naming.of(path)))
        return True

    def _freeze_duplicates(self) -> None:
        """Freeze objects that are defined twice or invalid, and drop their documents."""
        first: dict[Key, ParsedDocument] = {}
        for key, parsed in self.valid:
            other = first.setdefault(key, parsed)
            if other is not parsed and other.document and parsed.document:
                self.frozen.add(key)
                one, two = other.document.source, parsed.document.source
                for here, there in ((one, two), (two, one)):
                    what = f"{key} is also defined at {there}"
                    self.problems.append(LocatedProblem(here, what, "remove or rename one of the two"))
        self.valid = [(key, parsed) for key, parsed in self.valid if key not in self.frozen]
