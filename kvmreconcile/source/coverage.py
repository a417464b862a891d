"""Record which files were read for specs, and why other files were excluded."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.errors import Problem
from kvmreconcile.model import Key, Obstacle
from kvmreconcile.source.file_names import BY_PATH, IGNORE_FILE, SUFFIXES, Naming

_NAMED = 5
"""Maximum number of excluded files that a message names."""


@dataclass(frozen=True, slots=True)
class ExclusionReason:
    """
    Why a file is excluded.

    Attributes:
        what: Text that follows the file's name; {} is replaced with the details.
        todo: How to manage or remove an object if the file contains its last known spec.
        is_noted: Whether a warning reports the file.
    """

    what: str
    todo: str
    is_noted: bool = False


FOREIGN = ExclusionReason(
    "looks like {}",
    "restore the spec, or move the file away to have the object removed",
    is_noted=True,
)
IGNORED = ExclusionReason(
    f"is excluded by {IGNORE_FILE}",
    f"change {IGNORE_FILE} so that the file is read; to remove the object, then delete its spec",
)
_NOT_READ = ExclusionReason(
    "exists and was not read",
    "include that file; to remove the object, delete the file, or delete the object's spec from the file "
    "and include the file",
)
"""Reasons why a spec may still exist although it was not read."""


@dataclass(frozen=True, slots=True)
class ExcludedPath:
    """
    A file or directory that is excluded.

    Attributes:
        name: The name of the file or directory in messages; the name of a directory ends with a
            slash.
        place: The name of the file or directory in the state database.
        reason: Why the file or directory is excluded.
        detail: Text that replaces {} in the reason.
        is_here: Whether the content is on this machine.
    """

    name: str
    place: str
    reason: ExclusionReason
    detail: str = ""
    is_here: bool = True

    def contains(self, place: str) -> bool:
        """
        Return whether a file is the excluded file or is in the excluded directory.

        Args:
            place: The file's name in the state database.
        """
        return place == self.place or (self.place.endswith("/") and place.startswith(self.place))

    @property
    def why(self) -> str:
        """The reason of the exclusion, as text that follows the name."""
        return self.reason.what.format(self.detail)

    @property
    def warning(self) -> Problem:
        """The warning that the file is excluded."""
        todo = f"move the file out of the directory of specs, or list it in {IGNORE_FILE} there; "
        todo += "if the file was named explicitly, name another file"
        return Problem(self.name, f"{self.why} and was skipped", todo)


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    The files that were read for specs, and the files that were not.

    Attributes:
        paths: The files and directories to read.
        naming: How messages and the state database name files.
        files: The file that contains the spec of each object, by the file's name in the state
            database.
        read: The paths of all files that were read, with symbolic links resolved.
        excluded: Files and directories that were excluded.
        whole: Whether everything could be read.
    """

    paths: tuple[Path, ...] = ()
    naming: Naming = BY_PATH
    files: Mapping[Key, str] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
    excluded: tuple[ExcludedPath, ...] = ()
    whole: bool = True

    @property
    def notes(self) -> tuple[Problem, ...]:
        """Warnings about files that were excluded although no ignore file names them."""
        return tuple(each.warning for each in self.excluded if each.reason.is_noted)

    def find_obstacle(self, file: str, *, is_covered: bool) -> Obstacle | None:
        """
        Return why the last known file of an object's spec was not read.

        Returns None if the file was read or no longer exists.

        Args:
            file: The file's name in the state database.
            is_covered: Whether the file belongs to the source that was read. Files of other sources
                may remain unread.
        """
        found = next((each for each in self.excluded if each.contains(file)), None)
        if found and (found.place == file or not found.is_here or self._exists(file)):
            why = found.why if found.place == file else f"is in {found.name}, which {found.why}"
            return self._obstacle(file, why, found.reason)
        path = self.naming.path_of(file) if self.whole and is_covered else None
        if path and os.path.lexists(path) and os.path.realpath(path) not in self.read:
            return self._obstacle(file, _NOT_READ.what, _NOT_READ)
        return None

    def _obstacle(self, file: str, why: str, reason: ExclusionReason) -> Obstacle:
        return Obstacle(f"the last known spec was in {file}, which {why}", reason.todo)

    def _exists(self, file: str) -> bool:
        path = self.naming.path_of(file)
        return path is not None and os.path.lexists(path)

    def no_spec_problem(self) -> Problem:
        """Return the problem that no spec was found in the files that were read."""
        where = ", ".join(map(self.naming.of_root, self.paths))
        read = "1 file" if len(self.read) == 1 else f"{len(self.read)} files"
        endings = " or ".join(SUFFIXES)
        what = f"no spec was found in {read}; in a directory, only files ending in {endings} (in lower or upper case) "
        what += "are read, except hidden files"
        if self.excluded:
            more = f" and {len(self.excluded) - _NAMED} more" if len(self.excluded) > _NAMED else ""
            what += f"; excluded: {', '.join(f'{e.name} {e.why}' for e in self.excluded[:_NAMED])}{more}"
        return Problem(
            where, what, "write a spec, or name another path; nothing is removed until a spec is found"
        )
