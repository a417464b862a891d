"""Use the last finished content of a file while a program may still be writing it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from kvmreconcile.model import Source
from kvmreconcile.source.files import Found, SpecFile
from kvmreconcile.source.filesystems import reports_all_changes
from kvmreconcile.source.in_use import WriteState, find_write_state
from kvmreconcile.source.problem import LocatedProblem

WHAT = "a program has the file open for writing"
_UNSURE = "the file changed less than {:g} s ago, and whether a program is still writing it is not known"
LONG_S = 10.0
"""After how long a file that is still being written is reported."""


@dataclass(frozen=True, slots=True)
class Draft:
    """
    A file whose present content is not used yet.

    Attributes:
        is_known: Whether its last finished content is used meanwhile; else nothing of it is.
        faults: The report of it, once it has lasted long.
    """

    is_known: bool
    faults: tuple[LocatedProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Watched:
    """A file that may still be being written; since when it has been so, and since when it has not changed."""

    file: SpecFile
    begun_s: float
    since_s: float


@dataclass(slots=True)
class Drafts:
    """
    The last finished content of each file.

    Attributes:
        written: Returns whether the writer of a file has finished; called only for files that have changed.
        clock: Seconds of a monotonic clock.
        due_s: When to read again even without a report of a change, None if there is no need to.
    """

    written: Callable[[SpecFile], WriteState]
    clock: Callable[[], float]
    due_s: float | None = None
    _finished: dict[str, SpecFile] = field(default_factory=dict)
    _watched: dict[str, _Watched] = field(default_factory=dict)

    def finished(self, found: Iterable[Found], unchanged_s: float) -> Iterator[Found | Draft]:
        """
        Yield each file with the content to use: the present one, or the last finished one and a draft.

        Args:
            unchanged_s: For how long a file must not have changed whose writer is unknown.
        """
        finished, watched = self._finished, self._watched
        self._finished, self._watched, self.due_s = {}, {}, None
        for each in found:
            if not isinstance(each, SpecFile):
                yield each
                continue
            known = finished.get(each.name)
            draft = self._draft(each, known, watched.get(each.name), unchanged_s)
            counts = known if draft else each
            if counts:
                self._finished[each.name] = counts
                yield counts
            if draft:
                yield draft

    def _draft(
        self, file: SpecFile, known: SpecFile | None, before: _Watched | None, unchanged_s: float
    ) -> Draft | None:
        """Return the draft that a file is, None if its present content is finished."""
        if known and known.content == file.content:
            return None
        now_s = self.clock()
        watched = _Watched(file, before.begun_s if before else now_s, now_s)
        if before and file.stamp and (before.file.stamp, before.file.content) == (file.stamp, file.content):
            watched = before
        written = self.written(file) if file.stamp else WriteState.UNSURE
        ripe_s = watched.since_s + unchanged_s
        if written is WriteState.CLOSED or (written is WriteState.UNSURE and file.stamp and now_s >= ripe_s):
            return None
        self._watched[file.name] = watched
        long_s = watched.begun_s + (max(LONG_S, unchanged_s) if written is WriteState.UNSURE else LONG_S)
        is_long = now_s >= long_s
        due_s = [*([ripe_s] if written is WriteState.UNSURE else []), *([] if is_long else [long_s])]
        self.due_s = min((s for s in (self.due_s, *due_s) if s is not None), default=None)
        why = _UNSURE.format(unchanged_s) if written is WriteState.UNSURE else WHAT
        return Draft(known is not None, (_fault(file, known, why),) if is_long else ())


def _fault(file: SpecFile, known: SpecFile | None, why: str) -> LocatedProblem:
    used = "its last finished content" if known else "nothing of it"
    what = f"{why}; {used} is used meanwhile"
    todo = "finish writing the file and close it, or move the finished file into its place"
    return LocatedProblem(Source(file.name, 1, 1), what, todo)


def reject_open_files(found: Iterable[Found]) -> Iterator[Found]:
    """Yield what was read, with a fault in the place of each file that a program is known to be writing."""
    is_here = cache(reports_all_changes)
    for each in found:
        is_file = isinstance(each, SpecFile) and each.stamp is not None and is_here(each.stamp.device)
        if isinstance(each, SpecFile) and is_file and find_write_state(each.real) is WriteState.OPEN:
            yield LocatedProblem(
                Source(each.name, 1, 1), WHAT, "run the command again once the file is closed"
            )
        else:
            yield each
