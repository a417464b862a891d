"""
Walk directories of specs, and yield the files to read and the files to exclude.

A directory that cannot be read is reported as a problem and never skipped. Otherwise, its specs
would look deleted.
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
"""
Suffix of data files from which specs are often generated.

If such a file is an LFS pointer, the checkout lacks the data.
"""
MAX_DEPTH = 64
"""Maximum depth of nested directories."""
OUT = (
    "the symbolic link leads outside the directory of specs",
    "replace it with a copy of its target, or remove it",
)


@dataclass(frozen=True, slots=True)
class PathChange:
    """
    The time when a directory or a symbolic link on the path to spec files changed.

    The path may lead to other files since then.
    """

    changed_s: float


class SpecTree:
    """
    A directory of specs; symbolic links in it must not lead outside.

    Attributes:
        root: The directory's path with symbolic links resolved.
        walked: The directories in it that have been walked.
        ignored: The patterns of the directory's ignore file.
    """

    def __init__(self, path: Path, naming: Naming) -> None:
        self.path = path
        self.root = os.path.realpath(path)
        self.naming = naming
        self.walked: set[str] = set()
        self.ignored = NOTHING

    def contains(self, real: str) -> bool:
        """Return whether a path without symbolic links is inside the directory."""
        return real == self.root or real.startswith(self.root.rstrip("/") + "/")

    def excluded(self, path: Path, *, is_directory: bool) -> ExcludedPath | None:
        """Return the exclusion of a path in the directory, or None if the path is not excluded."""
        if not self.ignored.names(self._inside(path), is_directory=is_directory):
            return None
        end = "/" if is_directory else ""
        return ExcludedPath(self.naming.of(path) + end, self.naming.place_of(path) + end, IGNORED)

    def excluded_submodule(self, path: Path) -> ExcludedPath | None:
        """
        Return the exclusion of a submodule that is not checked out.

        Returns None if the submodule is not excluded.
        """
        if not path.is_relative_to(self.path) or not self.ignored.covers(self._inside(path)):
            return None
        return ExcludedPath(
            f"{self.naming.of(path)}/", f"{self.naming.place_of(path)}/", IGNORED, is_here=False
        )

    def _inside(self, path: Path) -> PurePosixPath:
        return PurePosixPath(path.relative_to(self.path))


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file, its path with symbolic links resolved, and the tree that contains the file."""

    path: Path
    real: str
    tree: SpecTree


Step = FileEntry | LocatedProblem | PathChange | ExcludedPath


def walk(tree: SpecTree) -> Iterator[Step]:
    """Yield the files to read in the order of their names, excluded paths, and read problems."""
    todo = f"put the submodule's specs into the repository itself, or list the submodule in {IGNORE_FILE}"
    for name in tree.naming.submodules:
        path = tree.path / name
        yield tree.excluded_submodule(path) or problem_at(tree.naming.of(path), SUBMODULE, todo)
    yield from _walk(tree.path, tree, ())


def describe_read_error(error: OSError | ValueError) -> tuple[str, str]:
    """Return the problem of a path that cannot be read, and the advice to fix it."""
    return f"cannot be read: {reason_of(error)}", "check the path, its symbolic links and its permissions"


def _walk(path: Path, tree: SpecTree, above: tuple[str, ...]) -> Iterator[Step]:
    try:
        real = os.path.realpath(path, strict=True)
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        # An example is a link to a file outside git.directory, which is not checked out.
        is_outside = not tree.contains(os.path.realpath(path))
        yield problem_at(tree.naming.of(path), *(OUT if is_outside else describe_read_error(error)))
        return
    except (OSError, ValueError) as error:
        yield problem_at(tree.naming.of(path), *describe_read_error(error))
        return
    if not tree.contains(real):
        yield problem_at(tree.naming.of(path), *OUT)
    elif not is_directory:
        yield FileEntry(path, real, tree)
    elif real in above:
        what = "a symbolic link in this path leads back to a directory above it"
        yield problem_at(tree.naming.of(path), what, "remove that link")
    elif len(above) > MAX_DEPTH:
        what = f"directories are nested more than {MAX_DEPTH} deep"
        yield problem_at(tree.naming.of(path), what, "move the directory up, or remove it")
    elif real not in tree.walked:
        tree.walked.add(real)
        yield from _list(path, tree, (*above, real))


def _list(directory: Path, tree: SpecTree, above: tuple[str, ...]) -> Iterator[Step]:
    try:
        changed_s = directory.stat().st_ctime
        with os.scandir(directory) as entries:
            found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        yield problem_at(tree.naming.of(directory), *describe_read_error(error))
        return
    yield PathChange(changed_s)
    if tree.naming.root is None:
        for problem, path in submodules(directory, tree.naming.of(directory)):
            yield (path and tree.excluded_submodule(path)) or problem
    for entry in found:
        yield from _step(entry, directory, tree, above)


def _step(entry: os.DirEntry[str], directory: Path, tree: SpecTree, above: tuple[str, ...]) -> Iterator[Step]:
    """Yield the results for one directory entry."""
    is_named_so, is_directory = is_spec(entry.name), _may_be_directory(entry)
    if excluded := tree.excluded(directory / entry.name, is_directory=is_directory):
        yield from (excluded,) if is_named_so or is_directory else ()
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
    """
    Yield the time when a symbolic link was last replaced.

    The link's target may be older. Nothing is yielded if the path is not a symbolic link.
    """
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield status.st_ctime


def reason_of(error: OSError | ValueError) -> str:
    """Return the reason why a path cannot be used."""
    return (error.strerror if isinstance(error, OSError) else None) or "the name is not valid"


def problem_at(name: str, what: str, todo: str) -> LocatedProblem:
    """Return a problem of a whole file or directory."""
    return LocatedProblem(Source(name, 1, 1), what, todo)
