"""
Find spec files and read their bytes.

A file that cannot be read is a problem and is never skipped: a spec that was not read would look like one that was
deleted.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.source.coverage import ExcludedPath
from kvmreconcile.source.decoding import MAX_BYTES
from kvmreconcile.source.file_names import BY_PATH, IGNORE_FILE, Naming
from kvmreconcile.source.ignore import Ignored
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.walk import (
    OUT,
    FileEntry,
    PathChange,
    SpecTree,
    describe_read_error,
    link_changes,
    problem_at,
    walk,
)

_PART = 65536
MAX_FILES, MAX_TOTAL = 100_000, 256 << 20
"""Maximum number of files, and of their bytes together; all content is in memory until it is parsed."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """
    Attributes of a file that differ between two versions of it.

    Attributes:
        changed_s: When its bytes or its name last changed, by the clock of its file system (ctime); no system
            call can set it.
    """

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_s: float = field(compare=False)

    @classmethod
    def of(cls, status: os.stat_result) -> "FileVersion":
        """Return the version of a file from its stat(2) result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime)


@dataclass(frozen=True, slots=True)
class SpecFile:
    """
    A file's bytes.

    Attributes:
        name: Its name in messages.
        real: Its path with symbolic links resolved.
        version: Its version while it was read, None if it changed meanwhile.
    """

    path: Path
    name: str
    content: bytes
    real: str = ""
    version: FileVersion | None = None


Found = SpecFile | LocatedProblem | PathChange | ExcludedPath


def read_spec_files(paths: Sequence[Path], naming: Naming = BY_PATH) -> Iterator[Found]:
    """
    Read the given files, and those in the given directories, in the order of their names.

    In a directory only *.yaml and *.yml are read, in lower or upper case; hidden files (".git", ".#x.yaml") and those
    that its ignore file names are excluded. A file that is reached twice is read once.
    """
    seen: set[str] = set()
    total = 0
    for path in paths:
        for place in (path.absolute(), *path.absolute().parents):
            yield from map(PathChange, link_changes(place))
        tree = SpecTree(path, naming)
        yield from _ignore(tree)
        for found in walk(tree):
            if not isinstance(found, FileEntry):
                yield found
            elif found.real not in seen:
                seen.add(found.real)
                if len(seen) > MAX_FILES or total > MAX_TOTAL:
                    yield _too_much(found, naming)
                    return
                read = _read(found, naming)
                total += len(read.content) if isinstance(read, SpecFile) else 0
                yield read


def _ignore(tree: SpecTree) -> Iterator[Found]:
    """Exclude from a tree what its ignore file names; yield the problems of that file."""
    path = tree.path / IGNORE_FILE
    if not os.path.lexists(path):
        return
    found = _read(FileEntry(path, os.path.realpath(path), tree), tree.naming)
    if isinstance(found, SpecFile) and len(found.content) > MAX_BYTES:
        found = problem_at(found.name, "the file is larger than 1 MiB", "name directories in place of files")
    if isinstance(found, LocatedProblem):
        yield found
        return
    ignored = Ignored.read(found.content, found.name)
    if isinstance(ignored, LocatedProblem):
        yield ignored
    else:
        tree.ignored = ignored


def _too_much(entry: FileEntry, naming: Naming) -> LocatedProblem:
    what = f"there are more than {MAX_FILES:,} files or {MAX_TOTAL >> 20} MiB; this entry and all that follow are not read"
    return problem_at(naming.of(entry.path), what, "remove some, or move some to another instance")


def _read(entry: FileEntry, naming: Naming) -> SpecFile | LocatedProblem:
    path = entry.path
    try:
        # Without Python's buffers, which take twice as long as reading; O_NONBLOCK does not wait for a pipe's writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                todo = "use a regular file instead, or leave it out"
                return problem_at(naming.of(path), "is not a regular file", todo)
            # The file or one of its directories may have been replaced by a symbolic link since.
            if not entry.tree.contains(_real(descriptor)):
                return problem_at(naming.of(path), *OUT)
            content, version = _content(descriptor), FileVersion.of(os.fstat(descriptor))
            is_same = version == FileVersion.of(before)
            return SpecFile(path, naming.of(path), content, entry.real, version if is_same else None)
        finally:
            os.close(descriptor)
    except OSError as error:
        return problem_at(naming.of(path), *describe_read_error(error))


def _real(descriptor: int) -> str:
    """Return the path of an open file with symbolic links resolved."""
    return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")  # noqa: PTH115  for each of thousands


def _content(descriptor: int) -> bytes:
    """Return a file's bytes; reading stops as soon as the maximum size is exceeded."""
    content = part = os.read(descriptor, _PART)
    while part and len(content) <= MAX_BYTES:
        part = os.read(descriptor, _PART)
        content += part
    return content
