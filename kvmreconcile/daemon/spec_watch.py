"""
Watch spec files, and trigger a pass when they may have changed.

A watch may miss changes (if an event queue is full, or on a network file system). So an event only triggers a pass, and
the pass finds changes by reading all files.
"""

import logging
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.polling import PollingObserver

from kvmreconcile.daemon.open_files import OpenFiles
from kvmreconcile.source.file_names import IGNORE_FILE, is_spec
from kvmreconcile.source.filesystems import reports_all_changes

Trigger = Callable[[], None]
How = Literal["auto", "events", "poll"]

POLL_S = 5.0
"""The polling interval where the kernel reports no events; polling 1,000 files takes milliseconds."""

_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
"""All events except opening and reading, which the daemon does itself, and except changes of directories, as their
entries have events of their own."""
LOGGER = logging.getLogger("watchdog")


@dataclass(frozen=True, slots=True)
class WatchTarget:
    """
    A directory to watch.

    Attributes:
        identity: Device and inode of the directory; a directory that replaces it is another target.
        entry: The only name in the directory whose events matter; "" if all names in the directory and below
            matter.
    """

    directory: str
    identity: tuple[int, int]
    entry: str = ""


def watch_targets(path: Path) -> tuple[WatchTarget, ...]:
    """
    Return the directories to watch for changes to a spec file or to a directory of specs.

    These are the real directory of specs, and the parent directories of the given path and of the real path. Parent
    directories are watched because a redirected link or a recreated directory causes no event in the old directory.
    """
    real = Path(os.path.realpath(path))
    names = dict.fromkeys((path.absolute(), real))
    found = (*(watch_target(name.parent, name.name) for name in names), watch_target(real))
    return tuple(target for target in found if target)


def watch_target(directory: Path, entry: str = "") -> WatchTarget | None:
    """Return a directory as a target to watch, or None if the path is not a directory."""
    real = os.path.realpath(directory)
    try:
        status = Path(real).stat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    return WatchTarget(real, (status.st_dev, status.st_ino), entry)


class _Handler(FileSystemEventHandler):
    def __init__(
        self, target: WatchTarget, trigger: Trigger, record: Callable[[FileSystemEvent], None]
    ) -> None:
        self._target = target
        self._trigger = trigger
        self._record = record

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Trigger a pass if the event may change the specs."""
        self._record(event)
        if any(self._matters(os.fsdecode(path), event) for path in (event.src_path, event.dest_path) if path):
            self._trigger()

    def _matters(self, path: str, event: FileSystemEvent) -> bool:
        directory, _, name = path.rpartition("/")
        if self._target.entry:
            return (directory or "/", name) == (self._target.directory, self._target.entry)
        # Specs may be links through another, usually hidden, link to a directory. If this link is redirected, all
        # specs change.
        if Path(path).is_symlink() and Path(path).is_dir():
            return True
        return name == IGNORE_FILE or (not name.startswith(".") and (event.is_directory or is_spec(name)))


def _ignore_event(_event: FileSystemEvent) -> None:
    """Ignore an event."""


class WatchdogWarnings(logging.Handler):
    """Triggers a pass on each warning that the watchdog library logs, such as a queue overflow."""

    def __init__(self, trigger: Trigger) -> None:
        super().__init__(logging.WARNING)
        self._trigger = trigger

    def emit(self, _record: logging.LogRecord) -> None:
        """Trigger a pass."""
        self._trigger()


class SpecWatch:
    """
    Watches spec files and directories of specs.

    `maintain` adds the watches, and adds watches again after directories were replaced.

    Args:
        how: Whether to use events or polling; "auto" uses polling on file systems that do not report all changes.
        writers: Records each event, to track which files are open.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        trigger: Trigger,
        how: How = "auto",
        writers: OpenFiles | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._paths = paths
        self._trigger = trigger
        self._how = how
        self._writers = writers or OpenFiles(0.0)
        self._poll_s = poll_s
        self._observers: dict[bool, BaseObserver] = {}
        self._watched: dict[WatchTarget, tuple[BaseObserver, ObservedWatch]] = {}
        self._warned = WatchdogWarnings(self._handle_lost_events)

    def __enter__(self) -> Self:
        LOGGER.addHandler(self._warned)
        return self

    def __exit__(self, *_error: object) -> None:
        LOGGER.removeHandler(self._warned)
        for observer in self._observers.values():
            observer.stop()
            observer.join()

    def maintain(self) -> tuple[str, ...]:
        """
        Add missing watches and remove obsolete watches; this is cheap if nothing has changed.

        Returns:
            The directories that cannot be watched, each with the reason.
        """
        wanted = dict.fromkeys(target for path in self._paths for target in watch_targets(path))
        for target, (observer, watch) in tuple(self._watched.items()):
            if target not in wanted or not is_working(observer, watch):
                self._drop(target)
        failures = [self._add(target) for target in wanted if target not in self._watched]
        return tuple(filter(None, failures))

    def _add(self, target: WatchTarget) -> str:
        # Two targets in the same directory may share a watch: the watchdog library identifies a watch by path and depth.
        path, recursive, observer = target.directory, not target.entry, self._observer(target)
        # Polling does not show when a file is closed.
        polls = observer is self._observers.get(True)
        handler = _Handler(target, self._trigger, _ignore_event if polls else self._writers.record)
        try:
            watch = observer.schedule(handler, path, recursive=recursive, event_filter=_EVENTS)
        except OSError as error:
            return f"{path}: {error.strerror or error}"
        self._watched[target] = observer, watch
        # No event reports changes made before the watch began.
        self._handle_lost_events()
        return ""

    def _handle_lost_events(self) -> None:
        """Trigger a pass, because changes may have been missed."""
        self._writers.forget()
        self._trigger()

    def _observer(self, target: WatchTarget) -> BaseObserver:
        """Return the observer for a target; create an observer if there is none or its thread has ended."""
        polls = self._how == "poll" or (self._how == "auto" and not reports_all_changes(target.identity[0]))
        observer = self._observers.get(polls)
        if observer is None or not observer.is_alive():
            # With full events, a file that is moved in from elsewhere is reported as a move. Such a file is complete.
            observer = (
                PollingObserver(timeout=self._poll_s) if polls else InotifyObserver(generate_full_events=True)
            )
            observer.start()
            self._observers[polls] = observer
        return observer

    def _drop(self, target: WatchTarget) -> None:
        observer, watch = self._watched.pop(target)
        for other in [p for p, watched in self._watched.items() if watched == (observer, watch)]:
            del self._watched[other]
        if observer.is_alive():
            observer.unschedule(watch)
        else:
            observer.stop()


def is_working(observer: BaseObserver, watch: ObservedWatch) -> bool:
    """Return whether all threads that serve a watch are running."""
    return observer.is_alive() and any(e.is_alive() for e in observer.emitters if e.watch == watch)
