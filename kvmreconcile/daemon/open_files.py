"""
Track which spec files are open for writing, from the kernel's reports.

inotify(7) reports each write, and when a file that was open for writing is closed. There is no report for a file that
was written before the watch began: then a lease is requested from the kernel, and if that fails the file's age decides.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

from watchdog.events import (
    FileAttribEvent,
    FileClosedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
)

from kvmreconcile.source.file_names import is_spec
from kvmreconcile.source.files import SpecFile, Stamp
from kvmreconcile.source.filesystems import tells_of_changes
from kvmreconcile.source.in_use import Written, is_written


class OpenFiles:
    """
    Which files are being written, and which were closed with their present content; usable from any thread.

    Args:
        unchanged_s: How long a file without other evidence must not have changed to count as finished.
        probe: Asks the kernel whether a file is open for writing.
        clock: Seconds since the epoch, as file systems record them.
    """

    def __init__(
        self,
        unchanged_s: float,
        probe: Callable[[str], Written] = is_written,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._unchanged_s = unchanged_s
        self._probe = probe
        self._clock = clock
        self._lock = Lock()
        self._open: set[str] = set()
        self._closed: dict[str, Stamp] = {}
        self._reports_changes: dict[int, bool] = {}

    def record(self, event: FileSystemEvent) -> None:
        """Record an event of the kernel about a file; events must arrive in order."""
        path, there = os.fsdecode(event.src_path), os.fsdecode(event.dest_path)
        with self._lock:
            match event:
                case FileModifiedEvent():
                    self._begin(path)
                case FileClosedEvent():
                    self._close(path)
                case FileAttribEvent() if path in self._closed:
                    self._close(path)
                case FileDeletedEvent():
                    self._forget(path)
                case FileMovedEvent():
                    is_open = path in self._open
                    self._forget(path)
                    if there and is_open:
                        self._begin(there)
                    elif there:
                        self._close(there)

    def forget(self) -> None:
        """Forget all files, as events may have been lost."""
        with self._lock:
            self._open.clear()
            self._closed.clear()
            self._reports_changes.clear()

    def written(self, file: SpecFile) -> Written:
        """Return whether the writer of a file that was read has finished."""
        with self._lock:
            is_open, closed = file.real in self._open, self._closed.get(file.real)
        stamp = file.stamp
        if stamp is None or (closed == stamp and not is_open):
            return Written.UNSURE if stamp is None else Written.CLOSED
        # The writers of a network share and their clocks are known only to its server.
        is_here = self._tells_of_changes(stamp.device)
        probed = self._probe(file.real) if is_here else Written.UNSURE
        if probed is Written.CLOSED:
            return Written.CLOSED if _stamp(file.real) == stamp else Written.UNSURE
        if is_open or probed is Written.OPEN:
            return Written.OPEN
        is_old = self._clock() - stamp.changed_s >= self._unchanged_s
        return Written.CLOSED if is_here and is_old else Written.UNSURE

    def _tells_of_changes(self, device: int) -> bool:
        with self._lock:
            if device not in self._reports_changes:
                self._reports_changes[device] = tells_of_changes(device)
            return self._reports_changes[device]

    def _begin(self, path: str) -> None:
        self._open.add(path)
        self._closed.pop(path, None)

    def _close(self, path: str) -> None:
        self._forget(path)
        stamp = _stamp(path) if is_spec(path) else None
        if stamp:
            self._closed[path] = stamp

    def _forget(self, path: str) -> None:
        self._open.discard(path)
        self._closed.pop(path, None)


def _stamp(path: str) -> Stamp | None:
    with suppress(OSError):
        return Stamp.of(os.stat(path))  # noqa: PTH116  faster than Path.stat, for thousands of paths without links
    return None
