"""
Find the files that hold specs and read their bytes.

Separate from what is in them. Whatever cannot be read is a fault, never passed over: a spec that is not
seen would look like one that is gone.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.model import Source
from kvmreconcile.source.fault import Fault
from kvmreconcile.source.left_out import SUBMODULE, is_pointer_file, pointer, submodules
from kvmreconcile.source.naming import BY_PATH, Naming, is_spec
from kvmreconcile.source.text import MAX_BYTES, shown_path

_DATA = ".json"
"""Data that specs are often generated from: in a repository a pointer in its place shows that the checkout lacks it."""
_PART = 65536
MAX_DEPTH = 64
"""Maximum depth of nested directories."""
MAX_FILES, MAX_TOTAL = 100_000, 256 << 20
"""Maximum number of files, and of their bytes; all are in memory until they are parsed."""


_OUT = ("the symbolic link leads outside the directory", "replace it with a copy")


@dataclass(frozen=True, slots=True)
class Stamp:
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
    def of(cls, status: os.stat_result) -> "Stamp":
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
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A directory or a link on the way to the files; what comes and goes in it changes it."""

    changed_s: float


Found = SpecFile | Fault | Waypoint


def read_all(paths: Sequence[Path], naming: Naming = BY_PATH) -> Iterator[Found]:
    """
    Read the files named, and those in the directories named, in the order of their names.

    In a directory only *.yaml and *.yml count, in lower or upper case; hidden ones (".git", ".#x.yaml") do not. A
    file that is reached twice is read once.
    """
    for name in naming.submodules:
        todo = "put its specs into the repository itself, or move it out of git.directory"
        yield _fault(shown_path(Path(naming.called, name)), SUBMODULE, todo)
    seen: set[str] = set()
    total = 0
    for path in paths:
        for place in (path.absolute(), *path.absolute().parents):
            yield from map(Waypoint, _turns(place))
        for found in _walk(path, _Tree(path, naming), ()):
            if not isinstance(found, _Entry):
                yield found
            elif found.real not in seen:
                seen.add(found.real)
                if len(seen) > MAX_FILES or total > MAX_TOTAL:
                    yield _too_much(found, naming)
                    return
                read = _read(found, naming)
                total += len(read.content) if isinstance(read, SpecFile) else 0
                yield read


def _turns(path: Path) -> Iterator[float]:
    """Yield when a link was last turned, nothing for what is no link: what is behind it may be older."""
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield status.st_ctime


class _Tree:
    """The directory given, out of which no link may lead, and its directories that were walked."""

    def __init__(self, root: Path, naming: Naming) -> None:
        self.root = os.path.realpath(root)
        self.naming = naming
        self.walked: set[str] = set()

    def holds(self, real: str) -> bool:
        """Tell whether a path without links lies inside."""
        return real == self.root or real.startswith(self.root.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file, its path with symbolic links resolved, and the tree that it is in."""

    path: Path
    real: str
    tree: _Tree


def _too_much(entry: _Entry, naming: Naming) -> Fault:
    what = f"there are more than {MAX_FILES:,} files or {MAX_TOTAL >> 20} MiB; this entry and all that follow are not read"
    return _fault(naming.of(entry.path), what, "remove some, or move some to another instance")


def _walk(path: Path, tree: _Tree, above: tuple[str, ...]) -> Iterator[_Entry | Fault | Waypoint]:
    try:
        real = os.path.realpath(path, strict=True)
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError) as error:
        yield _fault(
            tree.naming.of(path), f"cannot be read: {_reason(error)}", "check that it exists and may be read"
        )
        return
    if not tree.holds(real):
        yield _fault(tree.naming.of(path), *_OUT)
    elif not is_directory:
        yield _Entry(path, real, tree)
    elif real in above:
        yield _fault(tree.naming.of(path), "the link leads back to a directory that it is in", "remove it")
    elif len(above) >= MAX_DEPTH:
        what = f"directories are nested more than {MAX_DEPTH} deep"
        yield _fault(tree.naming.of(path), what, "move it up, or remove it")
    elif real not in tree.walked:
        tree.walked.add(real)
        yield from _list(path, tree, (*above, real))


def _list(directory: Path, tree: _Tree, above: tuple[str, ...]) -> Iterator[_Entry | Fault | Waypoint]:
    try:
        changed_s = directory.stat().st_ctime
        with os.scandir(directory) as entries:
            found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        yield _fault(tree.naming.of(directory), f"cannot be read: {_reason(error)}", "check who may read it")
        return
    yield Waypoint(changed_s)
    if tree.naming.root is None:
        yield from submodules(directory, tree.naming.of(directory))
    for entry in found:
        is_named_so = is_spec(entry.name)
        if is_named_so and entry.is_file(follow_symlinks=False):
            yield _Entry(directory / entry.name, f"{above[-1].rstrip('/')}/{entry.name}", tree)
        elif is_named_so or _may_be_directory(entry):
            yield from map(Waypoint, _turns(Path(entry.path)))
            yield from _walk(directory / entry.name, tree, above)
        elif tree.naming.root and entry.name.lower().endswith(_DATA) and is_pointer_file(Path(entry.path)):
            yield pointer(tree.naming.of(directory / entry.name))


def _may_be_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return True


def _read(entry: _Entry, naming: Naming) -> SpecFile | Fault:
    path = entry.path
    try:
        # Without Python's buffers, which cost twice what reading does; a pipe is not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return _fault(naming.of(path), "is not a regular file", "remove it, or name it otherwise")
            # The file or one of its directories may have been replaced by a symbolic link since.
            if not entry.tree.holds(_real(descriptor)):
                return _fault(naming.of(path), *_OUT)
            content, stamp = _content(descriptor), Stamp.of(os.fstat(descriptor))
            is_same = stamp == Stamp.of(before)
            return SpecFile(path, naming.of(path), content, entry.real, stamp if is_same else None)
        finally:
            os.close(descriptor)
    except OSError as error:
        return _fault(naming.of(path), f"cannot be read: {_reason(error)}", "check who may read it")


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


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "its name is not valid"


def _fault(name: str, what: str, todo: str) -> Fault:
    return Fault(Source(name, 1, 1), what, todo)
