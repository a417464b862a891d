"""
Watch spec files, and trigger a pass when they may have changed.

A watch may miss changes (a full queue, a network file system), so it only triggers, and the pass finds changes by
reading all files.
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
"""The interval of polling where the kernel reports no events; a share of 1,000 files is read in milliseconds."""

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
"""All events except opening and reading, which the daemon itself does, and changes of directories, which have events of
their entries."""
LOGGER = logging.getLogger("watchdog")


@dataclass(frozen=True, slots=True)
class WatchTarget:
    """
    A directory to watch.

    Attributes:
        identity: Device and inode: a directory that replaces it is another target.
        entry: The only name in it whose events matter; "" for all names, if it is the root of a tree of specs.
    """

    directory: str
    identity: tuple[int, int]
    entry: str = ""


def watch_targets(path: Path) -> tuple[WatchTarget, ...]:
    """
    Return the directories to watch for changes to a file or a tree of specs.

    These are the tree itself at its real path, and the directories that contain its name and its real name: a link
    that is redirected, or a tree that is created again, causes no event in the former tree.
    """
    real = Path(os.path.realpath(path))
    names = dict.fromkeys((path.absolute(), real))
    found = (*(watch_target(name.parent, name.name) for name in names), watch_target(real))
    return tuple(target for target in found if target)


def watch_target(directory: Path, entry: str = "") -> WatchTarget | None:
    """Return a directory as a target to watch, None if it is not a directory."""
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
        """Trigger a pass if the event is about a file that is read."""
        self._record(event)
        if any(self._matters(os.fsdecode(path), event) for path in (event.src_path, event.dest_path) if path):
            self._trigger()

    def _matters(self, path: str, event: FileSystemEvent) -> bool:
        directory, _, name = path.rpartition("/")
        if self._target.entry:
            return (directory or "/", name) == (self._target.directory, self._target.entry)
        # Specs may be links through another, usually hidden, link to a directory: redirecting it changes all specs.
        if Path(path).is_symlink() and Path(path).is_dir():
            return True
        return name == IGNORE_FILE or (not name.startswith(".") and (event.is_directory or is_spec(name)))


def _ignore_event(_event: FileSystemEvent) -> None:
    """Ignore an event."""


class WatchdogWarnings(logging.Handler):
    """Triggers a pass on each warning of the watchdog library, which only logs problems such as a queue overflow."""

    def __init__(self, trigger: Trigger) -> None:
        super().__init__(logging.WARNING)
        self._trigger = trigger

    def emit(self, _record: logging.LogRecord) -> None:
        """Trigger a pass."""
        self._trigger()


class SpecWatch:
    """
    The watches of some paths; `maintain` adds them, and adds them again after the directories were replaced.

    Args:
        how: By events, by polling, or as the file system of each directory requires.
        writers: Records each event.
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
        Add missing watches and remove obsolete ones; cheap if nothing has changed.

        Returns:
            The directories that cannot be watched, with the reasons.
        """
        wanted = dict.fromkeys(target for path in self._paths for target in watch_targets(path))
        for target, (observer, watch) in tuple(self._watched.items()):
            if target not in wanted or not is_working(observer, watch):
                self._drop(target)
        failures = [self._add(target) for target in wanted if target not in self._watched]
        return tuple(filter(None, failures))

    def _add(self, target: WatchTarget) -> str:
        # Two targets with one directory may share a watch: the watchdog library identifies it by path and depth.
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
        """Trigger a pass, as changes may have been missed."""
        self._writers.forget()
        self._trigger()

    def _observer(self, target: WatchTarget) -> BaseObserver:
        """Return the observer for a target; create it if there is none or its thread has ended."""
        polls = self._how == "poll" or (self._how == "auto" and not reports_all_changes(target.identity[0]))
        observer = self._observers.get(polls)
        if observer is None or not observer.is_alive():
            # With full events, a file that is moved in from elsewhere is reported as a move: it is complete.
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
    """Return whether all threads of a watch are running."""
    return observer.is_alive() and any(e.is_alive() for e in observer.emitters if e.watch == watch)
