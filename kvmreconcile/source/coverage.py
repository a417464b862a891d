"""Tell which files a reading of specs covers, and why it leaves a file out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.errors import Problem
from kvmreconcile.model import Key, Obstacle
from kvmreconcile.source.file_names import BY_PATH, IGNORE_FILE, SUFFIXES, Naming

_NAMED = 5
"""How many files that are left out are named."""


@dataclass(frozen=True, slots=True)
class Reason:
    """
    Why a file is left out.

    Attributes:
        what: As it continues "FILE "; in it, {} is replaced by the details.
        todo: How an object whose last spec is in the file is looked after again, or removed.
        is_noted: Whether a warning says so.
    """

    what: str
    todo: str
    is_noted: bool = False


FOREIGN = Reason(
    "is taken for {}",
    "write the spec again; or, to have the object removed, move the file away",
    is_noted=True,
)
IGNORED = Reason(
    f"is excluded by {IGNORE_FILE}",
    f"change {IGNORE_FILE} so that the file is read; then, to have the object removed, remove its spec",
)
_NOT_READ = Reason(
    "exists and was not read",
    "have that file read as well; or, to have the object removed, delete the file, or remove its spec from "
    "the file and have the file read",
)
"""The reasons for which a spec may still exist though it was not read."""


@dataclass(frozen=True, slots=True)
class ExcludedPath:
    """
    A file or a directory that is left out.

    Attributes:
        name: How messages call it; that of a directory ends with a slash.
        place: The same as the state remembers it.
        reason: Why.
        detail: What the reason leaves open.
        is_here: Whether what is in it is on this machine.
    """

    name: str
    place: str
    reason: Reason
    detail: str = ""
    is_here: bool = True

    def holds(self, place: str) -> bool:
        """Tell whether a file is this one, or in this directory."""
        return place == self.place or (self.place.endswith("/") and place.startswith(self.place))

    @property
    def why(self) -> str:
        """Why it is left out, as it continues its name."""
        return self.reason.what.format(self.detail)

    @property
    def note(self) -> Problem:
        """The warning that says so."""
        todo = f"move it out of the directory that is read, or name it in that directory's {IGNORE_FILE}; "
        todo += "if the file itself was given, give another path"
        return Problem(self.name, f"{self.why}, and is not read", todo)


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    Which files a reading of specs covers.

    Attributes:
        paths: What was to be read.
        files: In which file the spec of each object is, as the state remembers it.
        read: The paths of all files that were read, with symbolic links resolved.
        left_out: Files and directories that were left out.
        whole: Whether everything that was to be read could be.
    """

    paths: tuple[Path, ...] = ()
    naming: Naming = BY_PATH
    files: Mapping[Key, str] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
    left_out: tuple[ExcludedPath, ...] = ()
    whole: bool = True

    @property
    def notes(self) -> tuple[Problem, ...]:
        """Warnings about files that were left out although nobody has named them."""
        return tuple(each.note for each in self.left_out if each.reason.is_noted)

    def find_obstacle(self, file: str, *, is_covered: bool) -> Obstacle | None:
        """
        Return why a file in which the spec of an object was has not been read, None if it was read or is gone.

        Args:
            file: As the state remembers it.
            is_covered: Whether it is of the source that was read; a file of another need not be read.
        """
        out = next((each for each in self.left_out if each.holds(file)), None)
        if out and (out.place == file or not out.is_here or self._exists(file)):
            return self._obstacle(
                file, out.why if out.place == file else f"is in {out.name}, which {out.why}", out.reason
            )
        path = self.naming.path_of(file) if self.whole and is_covered else None
        if path and os.path.lexists(path) and os.path.realpath(path) not in self.read:
            return self._obstacle(file, _NOT_READ.what, _NOT_READ)
        return None

    def _obstacle(self, file: str, why: str, reason: Reason) -> Obstacle:
        return Obstacle(f"its last spec was in {file}, which {why}", reason.todo)

    def _exists(self, file: str) -> bool:
        path = self.naming.path_of(file)
        return path is not None and os.path.lexists(path)

    def no_spec_problem(self) -> Problem:
        """Report that there is no spec at all in what was read."""
        where = ", ".join(map(self.naming.of_root, self.paths))
        read = "1 file" if len(self.read) == 1 else f"{len(self.read)} files"
        endings = " or ".join(SUFFIXES)
        what = f"no spec was found in {read}; in a directory, only files ending in {endings} (in lower or upper case) "
        what += "are read, and nothing hidden"
        if self.left_out:
            more = f" and {len(self.left_out) - _NAMED} more" if len(self.left_out) > _NAMED else ""
            what += f"; left out: {', '.join(f'{e.name} {e.why}' for e in self.left_out[:_NAMED])}{more}"
        return Problem(where, what, "write a spec, or name another path; nothing is removed meanwhile")
