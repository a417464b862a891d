"""
Track which spec files are open for writing, by what the kernel reports.

inotify(7) reports each write, and when a file that was open for writing is closed. A file that was written before
the daemon watched has no such report: then the kernel is asked for a lease, and else the file's age decides.
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
from kvmreconcile.source.files import FileVersion, SpecFile
from kvmreconcile.source.filesystems import reports_all_changes
from kvmreconcile.source.in_use import WriteState, find_write_state


class OpenFiles:
    """
    Which files are being written, and which were closed as they are; for any thread.

    Args:
        unchanged_s: For how long a file must not have changed of which nothing else is known.
        probe: Asks the kernel whether a file is open for writing.
        clock: Seconds since the epoch, as file systems record them.
    """

    def __init__(
        self,
        unchanged_s: float,
        probe: Callable[[str], WriteState] = find_write_state,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._unchanged_s = unchanged_s
        self._probe = probe
        self._clock = clock
        self._lock = Lock()
        self._open: set[str] = set()
        self._closed: dict[str, FileVersion] = {}
        self._tells: dict[int, bool] = {}

    def note(self, event: FileSystemEvent) -> None:
        """Record what the kernel reports of a file; events must come in their order."""
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
        """Forget all, as events may have been lost."""
        with self._lock:
            self._open.clear()
            self._closed.clear()
            self._tells.clear()

    def written(self, file: SpecFile) -> WriteState:
        """Return whether the writer of a file that was read has finished."""
        with self._lock:
            is_open, closed = file.real in self._open, self._closed.get(file.real)
        version = file.version
        if version is None or (closed == version and not is_open):
            return WriteState.UNSURE if version is None else WriteState.CLOSED
        # Who writes to a share, and by which clock, only its server knows.
        is_here = self._tells_of_changes(version.device)
        probed = self._probe(file.real) if is_here else WriteState.UNSURE
        if probed is WriteState.CLOSED:
            return WriteState.CLOSED if _version(file.real) == version else WriteState.UNSURE
        if is_open or probed is WriteState.OPEN:
            return WriteState.OPEN
        is_old = self._clock() - version.changed_s >= self._unchanged_s
        return WriteState.CLOSED if is_here and is_old else WriteState.UNSURE

    def _tells_of_changes(self, device: int) -> bool:
        with self._lock:
            if device not in self._tells:
                self._tells[device] = reports_all_changes(device)
            return self._tells[device]

    def _begin(self, path: str) -> None:
        self._open.add(path)
        self._closed.pop(path, None)

    def _close(self, path: str) -> None:
        self._forget(path)
        version = _version(path) if is_spec(path) else None
        if version:
            self._closed[path] = version

    def _forget(self, path: str) -> None:
        self._open.discard(path)
        self._closed.pop(path, None)


def _version(path: str) -> FileVersion | None:
    with suppress(OSError):
        return FileVersion.of(os.stat(path))  # noqa: PTH116  a path without links, thousands of which are asked for
    return None
