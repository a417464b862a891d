"""
Track which spec files are open for writing.

inotify(7) reports each write, and the closing of a file that was open for writing. For a file that was written before
the watch began, there is no report. The kernel is then asked for a lease of the file (fcntl(2)). If the lease gives no
answer, a local file counts as complete when it has been unchanged for some time.
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
from kvmreconcile.source.write_state import WriteState, find_write_state


class OpenFiles:
    """
    Tracks the files that are being written, and the files that are complete; any thread may use it.

    Args:
        unchanged_s: How many seconds a file must have been unchanged to count as complete, if there is no other
            evidence.
        probe: Asks the kernel whether a file is open for writing.
        clock: Returns the seconds since the epoch, like the time stamps of files.
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
        self._reports_changes: dict[int, bool] = {}

    def record(self, event: FileSystemEvent) -> None:
        """Record a kernel event about a file; events must be recorded in their order."""
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
        """Forget all files, because events may have been lost."""
        with self._lock:
            self._open.clear()
            self._closed.clear()
            self._reports_changes.clear()

    def written(self, file: SpecFile) -> WriteState:
        """Return whether a spec file, in the version that was read, is complete or still being written."""
        with self._lock:
            is_open, closed = file.real in self._open, self._closed.get(file.real)
        version = file.version
        if version is None or (closed == version and not is_open):
            return WriteState.UNSURE if version is None else WriteState.CLOSED
        # For a network share, only the server knows the programs that write to a file, and their clocks.
        is_here = self._is_fully_reported(version.device)
        probed = self._probe(file.real) if is_here else WriteState.UNSURE
        if probed is WriteState.CLOSED:
            return WriteState.CLOSED if _version(file.real) == version else WriteState.UNSURE
        if is_open or probed is WriteState.OPEN:
            return WriteState.OPEN
        is_old = self._clock() - version.changed_s >= self._unchanged_s
        return WriteState.CLOSED if is_here and is_old else WriteState.UNSURE

    def _is_fully_reported(self, device: int) -> bool:
        with self._lock:
            if device not in self._reports_changes:
                self._reports_changes[device] = reports_all_changes(device)
            return self._reports_changes[device]

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
        return FileVersion.of(os.stat(path))  # noqa: PTH116  faster than Path.stat, for thousands of paths without links
    return None
