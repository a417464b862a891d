"""Load spec files, repeatedly without parsing an unchanged file again."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.model import Facts
from kvmreconcile.model.placement import LocalHost
from kvmreconcile.source.combine import Combination
from kvmreconcile.source.coverage import Coverage
from kvmreconcile.source.expansion import Expansions
from kvmreconcile.source.file_names import BY_PATH, Naming
from kvmreconcile.source.files import Found, SpecFile, read_spec_files
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.parsed_file import DocumentKinds, ParsedFile, parse_file
from kvmreconcile.source.unfinished_files import Draft, reject_open_files


def load(
    paths: Sequence[Path],
    kinds: DocumentKinds,
    instance: str,
    naming: Naming = BY_PATH,
    host: LocalHost | None = None,
) -> Loaded:
    """
    Load files and directories.

    Args:
        kinds: All kinds of documents, by name.
        instance: The name of this instance, from which UUIDs are derived.
        host: The host whose documents are selected, None for all documents.
    """
    return Loader(kinds, instance, host).load(paths, naming)


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
            each.owner or (each.desired and each.desired.creation.content) for each in self.parsed
        )
        return file.path == self.file.path or not names_file


@dataclass(slots=True)
class Loader:
    """
    Loads the same files repeatedly.

    A file is parsed again only if its name in messages or its content changes. A file that is the
    same in two revisions, which have separate checkouts, is therefore parsed only once.

    Attributes:
        host: The host whose documents are selected, None for all documents.
    """

    kinds: DocumentKinds
    instance: str
    host: LocalHost | None = None
    _known: dict[str, _KnownFile] = field(default_factory=dict)
    _expansions: Expansions = field(init=False)

    def __post_init__(self) -> None:
        """Start without expansions."""
        self._expansions = Expansions(self.kinds, self.instance)

    def load(self, paths: Sequence[Path], naming: Naming = BY_PATH, facts: Facts | None = None) -> Loaded:
        """Load files and directories; `facts` are those that documents may depend on, None for none."""
        found = reject_open_files(read_spec_files(paths, naming))
        return self.combine(found, Coverage(tuple(paths), naming), facts)

    def combine(
        self, found: Iterable[Found | Draft], coverage: Coverage, facts: Facts | None = None
    ) -> Loaded:
        """
        Return the content of files.

        Args:
            found: The files, which may be read lazily.
            coverage: The paths from which they are read.
            facts: The facts that documents may depend on, None for none.
        """
        # All files are read before the slow parsing, so that they are from one point in time.
        found, read_s = list(found), time.time()
        before, self._known = self._known, {}
        self._expansions.begin(facts or Facts())
        loading = Combination(coverage, read_s, self._expansions, self.host)
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
