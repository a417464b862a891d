"""
Find spec files and read their bytes.

A file that cannot be read is reported as a problem and never skipped. Otherwise, its specs would
look deleted.
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
"""
Maximum number of files, and maximum total size in bytes.

All content is in memory until it is parsed.
"""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """
    Attributes of a file that differ between two versions of the file.

    Attributes:
        modified_ns: When the file's bytes last changed (mtime); a program can set this time.
        changed_s: When the file's bytes or name last changed, by the clock of its file system
            (ctime). No system call can set this time.
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
    A file and its content.

    Attributes:
        name: The file's name in messages.
        real: The file's path with symbolic links resolved.
        version: The file's version when it was read; None if the file changed while it was read.
    """

    path: Path
    name: str
    content: bytes
    real: str = ""
    version: FileVersion | None = None


Found = SpecFile | LocatedProblem | PathChange | ExcludedPath


def read_spec_files(paths: Sequence[Path], naming: Naming = BY_PATH) -> Iterator[Found]:
    """
    Read the given files and the spec files in the given directories, in the order of their names.

    In a directory, only *.yaml and *.yml (in lower or upper case) are read. Hidden files (".git",
    ".#x.yaml") are excluded, and so are the files that the directory's ignore file names. A file
    that is found more than once is read once.
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
    """Read a tree's ignore file, and yield the problems of this file."""
    path = tree.path / IGNORE_FILE
    if not os.path.lexists(path):
        return
    found = _read(FileEntry(path, os.path.realpath(path), tree), tree.naming)
    if isinstance(found, SpecFile) and len(found.content) > MAX_BYTES:
        found = problem_at(found.name, "the file is larger than 1 MiB", "list directories instead of files")
    if isinstance(found, LocatedProblem):
        yield found
        return
    ignored = Ignored.read(found.content, found.name)
    if isinstance(ignored, LocatedProblem):
        yield ignored
    else:
        tree.ignored = ignored


def _too_much(entry: FileEntry, naming: Naming) -> LocatedProblem:
    what = f"there are more than {MAX_FILES:,} files or {MAX_TOTAL >> 20} MiB; this file and all following files are not read"
    return problem_at(naming.of(entry.path), what, "remove files, or move files to another instance")


def _read(entry: FileEntry, naming: Naming) -> SpecFile | LocatedProblem:
    path = entry.path
    try:
        # Python's buffers are avoided, as they take longer than reading. With O_NONBLOCK, opening
        # a pipe does not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                todo = "use a regular file instead, or omit this path"
                return problem_at(naming.of(path), "is not a regular file", todo)
            # A symbolic link may have replaced the file or one of its directories in the meantime.
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
    return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")  # noqa: PTH115  called for thousands of files


def _content(descriptor: int) -> bytes:
    """Return a file's bytes; reading stops when the maximum size is exceeded."""
    content = part = os.read(descriptor, _PART)
    while part and len(content) <= MAX_BYTES:
        part = os.read(descriptor, _PART)
        content += part
    return content
