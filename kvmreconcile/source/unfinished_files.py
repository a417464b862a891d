"""Use the last finished content of a file while a program may still be writing the file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from kvmreconcile.model import Source
from kvmreconcile.source.files import Found, SpecFile
from kvmreconcile.source.filesystems import reports_all_changes
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.write_state import WriteState, find_write_state

WHAT = "a program has the file open for writing"
_UNSURE = "the file changed less than {:g} s ago, and a program may still be writing to it"
LONG_S = 10.0
"""How long a file must have been open for writing, in seconds, before a problem is reported."""


@dataclass(frozen=True, slots=True)
class Draft:
    """
    A file that is still being written; its present content is not used yet.

    Attributes:
        is_known: Whether the file's last finished content is used instead. Otherwise, the file is
            not used.
        problems: The problem to report if the file has been a draft for a long time; otherwise
            empty.
    """

    is_known: bool
    problems: tuple[LocatedProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Watched:
    """
    A file that is still being written.

    Attributes:
        begun_s: When the file was first seen as unfinished.
        since_s: When the file was last seen to change.
    """

    file: SpecFile
    begun_s: float
    since_s: float


@dataclass(slots=True)
class Drafts:
    """
    The last finished content of each file.

    Attributes:
        written: Returns whether the writer of a file has finished; called only for files that have
            changed.
        clock: Returns the seconds of a monotonic clock.
        due_s: When to read the files again even if no change is reported; None if this is not
            needed.
    """

    written: Callable[[SpecFile], WriteState]
    clock: Callable[[], float]
    due_s: float | None = None
    _finished: dict[str, SpecFile] = field(default_factory=dict)
    _watched: dict[str, _Watched] = field(default_factory=dict)

    def finished(self, found: Iterable[Found], unchanged_s: float) -> Iterator[Found | Draft]:
        """
        Yield each file with the content to use.

        For an unfinished file, this is its last finished content, if known, followed by a draft.

        Args:
            found: The files that were read. Other findings are yielded unchanged.
            unchanged_s: How long a file must be unchanged, in seconds, before it is used although
                it is unknown whether a program is writing it.
        """
        finished, watched = self._finished, self._watched
        self._finished, self._watched, self.due_s = {}, {}, None
        for each in found:
            if not isinstance(each, SpecFile):
                yield each
                continue
            known = finished.get(each.name)
            draft = self._draft(each, known, watched.get(each.name), unchanged_s)
            used = known if draft else each
            if used:
                self._finished[each.name] = used
                yield used
            if draft:
                yield draft

    def _draft(
        self, file: SpecFile, known: SpecFile | None, before: _Watched | None, unchanged_s: float
    ) -> Draft | None:
        """
        Return a draft for a file that is still being written.

        Returns None if the file's present content is finished.
        """
        if known and known.content == file.content:
            return None
        now_s = self.clock()
        watched = _Watched(file, before.begun_s if before else now_s, now_s)
        if (
            before
            and file.version
            and (before.file.version, before.file.content) == (file.version, file.content)
        ):
            watched = before
        written = self.written(file) if file.version else WriteState.UNSURE
        ripe_s = watched.since_s + unchanged_s
        if written is WriteState.CLOSED or (
            written is WriteState.UNSURE and file.version and now_s >= ripe_s
        ):
            return None
        self._watched[file.name] = watched
        long_s = watched.begun_s + (max(LONG_S, unchanged_s) if written is WriteState.UNSURE else LONG_S)
        is_long = now_s >= long_s
        due_s = [*([ripe_s] if written is WriteState.UNSURE else []), *([] if is_long else [long_s])]
        self.due_s = min((s for s in (self.due_s, *due_s) if s is not None), default=None)
        why = _UNSURE.format(unchanged_s) if written is WriteState.UNSURE else WHAT
        return Draft(known is not None, (_problem(file, known, why),) if is_long else ())


def _problem(file: SpecFile, known: SpecFile | None, why: str) -> LocatedProblem:
    used = "its last finished content is used" if known else "the file is not used"
    what = f"{why}; meanwhile, {used}"
    todo = "finish writing the file and close it, or move the finished file into its place"
    return LocatedProblem(Source(file.name, 1, 1), what, todo)


def reject_open_files(found: Iterable[Found]) -> Iterator[Found]:
    """
    Yield what was read.

    A file that a program has open for writing is replaced with a problem.
    """
    is_local = cache(reports_all_changes)
    for each in found:
        is_file = isinstance(each, SpecFile) and each.version is not None and is_local(each.version.device)
        if isinstance(each, SpecFile) and is_file and find_write_state(each.real) is WriteState.OPEN:
            yield LocatedProblem(
                Source(each.name, 1, 1), WHAT, "run the command again once the file is closed"
            )
        else:
            yield each
