"""
Find the files that hold specs and read their bytes.

Separate from what is in them. Whatever cannot be read is a fault, never passed over: a spec that is not
seen would look like one that is gone.
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
    link_changes,
    problem_at,
    unreadable,
    walk,
)

_PART = 65536
MAX_FILES, MAX_TOTAL = 100_000, 256 << 20
"""Maximum number of files, and of their bytes; all are in memory until they are parsed."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """
    What distinguishes two states of a file without reading it.

    Attributes:
        changed_s: When its bytes or its name last changed, by the clock of its file system (ctime), which no call
            can set.
    """

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_s: float = field(compare=False)

    @classmethod
    def of(cls, status: os.stat_result) -> "FileVersion":
        """Return the stamp of a file that was asked for its status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime)


@dataclass(frozen=True, slots=True)
class SpecFile:
    """
    A file's bytes.

    Attributes:
        name: How messages call it.
        real: Its path without links.
        stamp: Its state while it was read, None where that changed meanwhile.
    """

    path: Path
    name: str
    content: bytes
    real: str = ""
    stamp: FileVersion | None = None


Found = SpecFile | LocatedProblem | PathChange | ExcludedPath


def read_all(paths: Sequence[Path], naming: Naming = BY_PATH) -> Iterator[Found]:
    """
    Read the files named, and those in the directories named, in the order of their names.

    In a directory only *.yaml and *.yml count, in lower or upper case; hidden ones (".git", ".#x.yaml") do not,
    nor does what its ignore file names. A file that is reached twice is read once.
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
    """Have a tree leave out what its ignore file names; yield what is wrong with that file."""
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
        # Without Python's buffers, which cost twice what reading does; a pipe is not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                todo = "use a regular file instead, or leave it out"
                return problem_at(naming.of(path), "is not a regular file", todo)
            # The file or one of its directories may have been replaced by a symbolic link since.
            if not entry.tree.holds(_real(descriptor)):
                return problem_at(naming.of(path), *OUT)
            content, stamp = _content(descriptor), FileVersion.of(os.fstat(descriptor))
            is_same = stamp == FileVersion.of(before)
            return SpecFile(path, naming.of(path), content, entry.real, stamp if is_same else None)
        finally:
            os.close(descriptor)
    except OSError as error:
        return problem_at(naming.of(path), *unreadable(error))


def _real(descriptor: int) -> str:
    """Return the path of an open file with symbolic links resolved."""
    return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")  # noqa: PTH115  for each of thousands


def _content(descriptor: int) -> bytes:
    """Return a file's bytes, and of one that is too long some more than are allowed."""
    content = part = os.read(descriptor, _PART)
    while part and len(content) <= MAX_BYTES:
        part = os.read(descriptor, _PART)
        content += part
    return content
