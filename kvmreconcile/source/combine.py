"""
Combine parsed files into the desired state, and report all problems and the frozen objects.

Only this module has all documents: several documents may define the same object, and a file may be
missing.
"""

from dataclasses import dataclass, field, replace

from kvmreconcile.kinds.expander import OwnerDocument
from kvmreconcile.kinds.kind import Document
from kvmreconcile.model import Desired, FirstSeen, Key, Source
from kvmreconcile.model.placement import LocalHost, Placement
from kvmreconcile.source.coverage import FOREIGN, Coverage, ExcludedPath
from kvmreconcile.source.expansion import Expansions
from kvmreconcile.source.files import SpecFile
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.parsed_file import ForeignFile, ParsedDocument, ParsedFile
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.sparse import is_pointer_file, pointer_problem
from kvmreconcile.source.unfinished_files import Draft
from kvmreconcile.source.walk import PathChange


@dataclass(frozen=True, slots=True)
class PlacedDocument:
    """The placement and the place of a document for other hosts."""

    placement: Placement
    source: Source


@dataclass(slots=True)
class Combination:
    """
    A load in progress.

    Attributes:
        newest_s: When the most recently changed file, directory or symbolic link was changed.
        changed_s: When the file of each document changed, except files behind symbolic links.
        valid: Each valid document, with its key.
        host: The host whose documents are selected, None for all documents.
        owners: The files of the valid documents that generate others, each with its name in the state.
        elsewhere: The documents that are placed on other hosts.
    """

    coverage: Coverage
    read_s: float
    expansions: Expansions
    host: LocalHost | None = None
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
    owners: dict[Key, tuple[SpecFile, str]] = field(default_factory=dict)
    elsewhere: dict[Key, PlacedDocument] = field(default_factory=dict)

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
            if self.host and parsed.placement and not parsed.placement.includes(self.host):
                self._skip(parsed, parsed.placement)
                continue
            self.problems += parsed.problems
            self.crashes += [parsed.crash] if parsed.crash else []
            if parsed.owner is not None and parsed.key is not None:
                self.valid.append((parsed.key, parsed))
                self.owners[parsed.key] = file, place
                continue
            if parsed.document is not None and parsed.key is not None:
                self.valid.append((parsed.key, parsed))
                self.files[parsed.key] = place
                if file.real == str(file.path):
                    self.changed_s[parsed.key] = changed_s
                continue
            self.frozen |= {parsed.key} if parsed.key else set()
            self.complete &= parsed.whole and parsed.key is not None

    def _skip(self, parsed: ParsedDocument, placement: Placement) -> None:
        """Record a document for other hosts, and those that it generates; its problems are reported there."""
        if parsed.key:
            self.elsewhere[parsed.key] = PlacedDocument(placement, parsed.source)
        for child in self.expansions.expand(parsed.owner).children if parsed.owner else ():
            if child.key:
                self.elsewhere[child.key] = PlacedDocument(placement, child.source)

    def _reject_several_hosts(self) -> None:
        """Freeze objects that must be on one host only and that documents for this host and for others define."""
        for key, parsed in self.valid:
            other = self.elsewhere.pop(key, None)
            if other and self.expansions.kinds[key.kind].one_host:
                self.frozen.add(key)
                what = f"{key} is also defined for {other.placement}, at {other.source}"
                self.problems.append(LocatedProblem(parsed.source, what, "remove or rename one of the two"))

    def build(self) -> Loaded:
        """Return the content of all files together."""
        self._freeze_duplicates()
        owners = self._expand_owners()
        self._freeze_duplicates()
        self._reject_several_hosts()
        self.valid = [(key, parsed) for key, parsed in self.valid if key not in self.frozen]
        count = len(self.valid) + len(self.frozen) + len(owners) + len(self.elsewhere)
        desired, documents = self._read_valid()
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
            owners=owners,
            until=self.expansions.until,
            reads=self.expansions.reads,
            elsewhere={key: str(each.placement) for key, each in self.elsewhere.items()},
        )

    def _read_valid(self) -> tuple[dict[Key, Desired], list[Document]]:
        """Return the desired objects and the documents that give valid definitions; the other ones are frozen."""
        desired: dict[Key, Desired] = {}
        documents: list[Document] = []
        for key, parsed in self.valid:
            self.problems += parsed.definition_problems
            if parsed.desired is None or parsed.document is None or self._is_lfs_pointer(parsed.desired):
                self.frozen.add(key)
            else:
                desired[key] = parsed.desired
                documents.append(parsed.document)
        return desired, documents

    def _expand_owners(self) -> tuple[OwnerDocument, ...]:
        """Replace the documents that generate others by the generated ones, and return them."""
        owners = tuple(parsed.owner for _, parsed in self.valid if parsed.owner)
        self.valid = [(key, parsed) for key, parsed in self.valid if not parsed.owner]
        for owner in owners:
            expanded = self.expansions.expand(owner)
            self.problems += expanded.problems
            self.crashes += [expanded.crash] if expanded.crash else []
            if expanded.problems:
                self.frozen |= {owner.key, *(child.key for child in expanded.children if child.key)}
            else:
                self._add_documents(expanded.children, *self.owners[owner.key])
        return owners

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
            if other is not parsed and self._is_for_other_hosts(parsed, other):
                self.problems += parsed.definition_problems
            elif other is not parsed:
                self.frozen.add(key)
                one, two = other.source, parsed.source
                for here, there in ((one, two), (two, one)):
                    what = f"{key} is also defined at {there}"
                    self.problems.append(LocatedProblem(here, what, "remove or rename one of the two"))
        self.valid = [(key, parsed) for key, parsed in first.items() if key not in self.frozen]

    def _is_for_other_hosts(self, parsed: ParsedDocument, other: ParsedDocument) -> bool:
        """Return whether two documents of one object are for different hosts, if documents of all hosts are read."""
        kind = self.expansions.kinds[parsed.key.kind] if parsed.key else None
        is_free = self.host is None and kind is not None and not kind.one_host
        return is_free and bool(parsed.placement and other.placement and parsed.placement != other.placement)
