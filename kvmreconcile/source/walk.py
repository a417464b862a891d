"""
Walk through directories of specs: which files are to be read, and which are left out.

What cannot be walked is a fault, never passed over: a spec that is not seen would look like one that is gone.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kvmreconcile.model import Source
from kvmreconcile.source.coverage import IGNORED, ExcludedPath
from kvmreconcile.source.file_names import IGNORE_FILE, Naming, is_spec
from kvmreconcile.source.ignore import NOTHING
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.sparse import SUBMODULE, is_pointer_file, pointer_problem, submodules

_DATA = ".json"
"""Data that specs are often generated from: in a repository a pointer in its place shows that the checkout lacks it."""
MAX_DEPTH = 64
"""Maximum depth of nested directories."""
OUT = (
    "the symbolic link leads outside the directory of specs",
    "replace it with a copy of its target, or remove it",
)


@dataclass(frozen=True, slots=True)
class PathChange:
    """A directory or a link on the way to the files; what comes and goes in it changes it."""

    changed_s: float


class SpecTree:
    """
    The directory given, out of which no link may lead.

    Attributes:
        root: Its path with symbolic links resolved.
        walked: Its directories that were walked.
        ignored: What in it is left out.
    """

    def __init__(self, path: Path, naming: Naming) -> None:
        self.path = path
        self.root = os.path.realpath(path)
        self.naming = naming
        self.walked: set[str] = set()
        self.ignored = NOTHING

    def holds(self, real: str) -> bool:
        """Tell whether a path without links lies inside."""
        return real == self.root or real.startswith(self.root.rstrip("/") + "/")

    def left_out(self, path: Path, *, is_directory: bool) -> ExcludedPath | None:
        """Return a path in it as one that is left out, None if it is not."""
        if not self.ignored.names(self._inside(path), is_directory=is_directory):
            return None
        end = "/" if is_directory else ""
        return ExcludedPath(self.naming.of(path) + end, self.naming.place_of(path) + end, IGNORED)

    def excluded_submodule(self, path: Path) -> ExcludedPath | None:
        """Return a submodule that is not checked out as one that is left out, None if it is not."""
        if not path.is_relative_to(self.path) or not self.ignored.covers(self._inside(path)):
            return None
        return ExcludedPath(
            f"{self.naming.of(path)}/", f"{self.naming.place_of(path)}/", IGNORED, is_here=False
        )

    def _inside(self, path: Path) -> PurePosixPath:
        return PurePosixPath(path.relative_to(self.path))


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file, its path with symbolic links resolved, and the tree that it is in."""

    path: Path
    real: str
    tree: SpecTree


Step = FileEntry | LocatedProblem | PathChange | ExcludedPath


def walk(tree: SpecTree) -> Iterator[Step]:
    """Yield the files to be read in the order of their names, what is left out, and what cannot be walked."""
    todo = f"put its specs into the repository itself, or name it in {IGNORE_FILE}"
    for name in tree.naming.submodules:
        path = tree.path / name
        yield tree.excluded_submodule(path) or problem_at(tree.naming.of(path), SUBMODULE, todo)
    yield from _walk(tree.path, tree, ())


def unreadable(error: OSError | ValueError) -> tuple[str, str]:
    """Return what is wrong with a path that cannot be read, and what to do."""
    return f"cannot be read: {reason_of(error)}", "check the path, its symbolic links and its permissions"


def _walk(path: Path, tree: SpecTree, above: tuple[str, ...]) -> Iterator[Step]:
    try:
        real = os.path.realpath(path, strict=True)
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        # Such as to a file of the repository that is outside of git.directory, and is not here.
        is_outside = not tree.holds(os.path.realpath(path))
        yield problem_at(tree.naming.of(path), *(OUT if is_outside else unreadable(error)))
        return
    except (OSError, ValueError) as error:
        yield problem_at(tree.naming.of(path), *unreadable(error))
        return
    if not tree.holds(real):
        yield problem_at(tree.naming.of(path), *OUT)
    elif not is_directory:
        yield FileEntry(path, real, tree)
    elif real in above:
        what = "a symbolic link in this path leads back to a directory above it"
        yield problem_at(tree.naming.of(path), what, "remove that link")
    elif len(above) > MAX_DEPTH:
        what = f"directories are nested more than {MAX_DEPTH} deep"
        yield problem_at(tree.naming.of(path), what, "move it up, or remove it")
    elif real not in tree.walked:
        tree.walked.add(real)
        yield from _list(path, tree, (*above, real))


def _list(directory: Path, tree: SpecTree, above: tuple[str, ...]) -> Iterator[Step]:
    try:
        changed_s = directory.stat().st_ctime
        with os.scandir(directory) as entries:
            found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        yield problem_at(tree.naming.of(directory), *unreadable(error))
        return
    yield PathChange(changed_s)
    if tree.naming.root is None:
        for fault, path in submodules(directory, tree.naming.of(directory)):
            yield (path and tree.excluded_submodule(path)) or fault
    for entry in found:
        yield from _step(entry, directory, tree, above)


def _step(entry: os.DirEntry[str], directory: Path, tree: SpecTree, above: tuple[str, ...]) -> Iterator[Step]:
    """Yield what is in a directory under one name."""
    is_named_so, is_directory = is_spec(entry.name), _may_be_directory(entry)
    if out := tree.left_out(directory / entry.name, is_directory=is_directory):
        yield from (out,) if is_named_so or is_directory else ()
    elif is_named_so and entry.is_file(follow_symlinks=False):
        yield FileEntry(directory / entry.name, f"{above[-1].rstrip('/')}/{entry.name}", tree)
    elif is_named_so or is_directory:
        yield from map(PathChange, link_changes(Path(entry.path)))
        yield from _walk(directory / entry.name, tree, above)
    elif tree.naming.root and entry.name.lower().endswith(_DATA) and is_pointer_file(Path(entry.path)):
        yield pointer_problem(tree.naming.of(directory / entry.name))


def _may_be_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return True


def link_changes(path: Path) -> Iterator[float]:
    """Yield when a link was last turned, nothing for what is no link: what is behind it may be older."""
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield status.st_ctime


def reason_of(error: OSError | ValueError) -> str:
    """Return why a path cannot be used, in a few words."""
    return (error.strerror if isinstance(error, OSError) else None) or "its name is not valid"


def problem_at(name: str, what: str, todo: str) -> LocatedProblem:
    """Return what is wrong with a file or directory as a whole."""
    return LocatedProblem(Source(name, 1, 1), what, todo)
