"""
Watch the specs' files, and ring when they may have changed.

Separate from reading them: a watch may miss things (a full queue, a network's file system), so it only rings,
and what was changed is found out by reading all.
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

Ring = Callable[[], None]
How = Literal["auto", "events", "poll"]

POLL_S = 5.0
"""How often it is looked where no event tells of changes; a share of 1,000 files is read in milliseconds."""

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
"""All but opening and reading, which we do ourselves, and a directory's changes, which its entries tell as well."""
LOGGER = logging.getLogger("watchdog")


@dataclass(frozen=True, slots=True)
class Place:
    """
    A directory to be watched.

    Attributes:
        identity: Of the directory itself: another that was put in its place is another place.
        entry: The one name in it that matters; "" where it is the root of a tree of specs.
    """

    directory: str
    identity: tuple[int, int]
    entry: str = ""


def places(path: Path) -> tuple[Place, ...]:
    """
    Return what has to be watched to learn of changes to a file or a tree of specs.

    That is the tree itself, where it really is, and the directories that hold its name and its real name: a
    link that is turned elsewhere changes nothing in what it pointed to, nor does a tree that comes back.
    """
    real = Path(os.path.realpath(path))
    names = dict.fromkeys((path.absolute(), real))
    found = (*(place_of(name.parent, name.name) for name in names), place_of(real))
    return tuple(place for place in found if place)


def place_of(directory: Path, entry: str = "") -> Place | None:
    """Return a directory as a place to be watched, None if there is none."""
    real = os.path.realpath(directory)
    try:
        status = Path(real).stat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    return Place(real, (status.st_dev, status.st_ino), entry)


class _Handler(FileSystemEventHandler):
    def __init__(self, place: Place, ring: Ring, note: Callable[[FileSystemEvent], None]) -> None:
        self._place = place
        self._ring = ring
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Ring if it is about something that is read."""
        self._note(event)
        if any(self._matters(os.fsdecode(path), event) for path in (event.src_path, event.dest_path) if path):
            self._ring()

    def _matters(self, path: str, event: FileSystemEvent) -> bool:
        directory, _, name = path.rpartition("/")
        if self._place.entry:
            return (directory or "/", name) == (self._place.directory, self._place.entry)
        # Specs may be links into a directory by way of a link, mostly a hidden one, that is turned for all at once.
        if Path(path).is_symlink() and Path(path).is_dir():
            return True
        return name == IGNORE_FILE or (not name.startswith(".") and (event.is_directory or is_spec(name)))


def _ignore(_event: FileSystemEvent) -> None:
    """Record nothing of an event."""


class Warned(logging.Handler):
    """Rings whatever watchdog warns of, such as a queue that ran over: it says so to its logger alone."""

    def __init__(self, ring: Ring) -> None:
        super().__init__(logging.WARNING)
        self._ring = ring

    def emit(self, _record: logging.LogRecord) -> None:
        """Ring."""
        self._ring()


class Watch:
    """
    The watched places of some paths; they are put up by `tend`, and again whenever they have moved.

    Args:
        how: By events, by looking again and again, or as the file system of each place wants it.
        writers: Record each event.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        ring: Ring,
        how: How = "auto",
        writers: OpenFiles | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._paths = paths
        self._ring = ring
        self._how = how
        self._writers = writers or OpenFiles(0.0)
        self._poll_s = poll_s
        self._observers: dict[bool, BaseObserver] = {}
        self._watched: dict[Place, tuple[BaseObserver, ObservedWatch]] = {}
        self._warned = Warned(self._lose)

    def __enter__(self) -> Self:
        LOGGER.addHandler(self._warned)
        return self

    def __exit__(self, *_error: object) -> None:
        LOGGER.removeHandler(self._warned)
        for observer in self._observers.values():
            observer.stop()
            observer.join()

    def tend(self) -> tuple[str, ...]:
        """
        Watch what is to be watched now; cheap where nothing has moved.

        Returns:
            What cannot be watched, and why. Everything else is.
        """
        wanted = dict.fromkeys(place for path in self._paths for place in places(path))
        for place, (observer, watch) in tuple(self._watched.items()):
            if place not in wanted or not works(observer, watch):
                self._drop(place)
        failures = [self._add(place) for place in wanted if place not in self._watched]
        return tuple(filter(None, failures))

    def _add(self, place: Place) -> str:
        # Two places may share a directory, and then a watch: watchdog knows it by path and depth.
        path, recursive, observer = place.directory, not place.entry, self._observer(place)
        # Polling does not show when a file is closed.
        polls = observer is self._observers.get(True)
        handler = _Handler(place, self._ring, _ignore if polls else self._writers.note)
        try:
            watch = observer.schedule(handler, path, recursive=recursive, event_filter=_EVENTS)
        except OSError as error:
            return f"{path}: {error.strerror or error}"
        self._watched[place] = observer, watch
        # What changed before the watch was there is told by nobody else.
        self._lose()
        return ""

    def _lose(self) -> None:
        """Ring for changes that may have gone unnoticed."""
        self._writers.forget()
        self._ring()

    def _observer(self, place: Place) -> BaseObserver:
        """Return what watches such a place, as a rule: its thread has ended only by a mistake."""
        polls = self._how == "poll" or (self._how == "auto" and not reports_all_changes(place.identity[0]))
        observer = self._observers.get(polls)
        if observer is None or not observer.is_alive():
            # Full events report what is moved in from elsewhere as a move: it is complete.
            observer = (
                PollingObserver(timeout=self._poll_s) if polls else InotifyObserver(generate_full_events=True)
            )
            observer.start()
            self._observers[polls] = observer
        return observer

    def _drop(self, place: Place) -> None:
        observer, watch = self._watched.pop(place)
        for other in [p for p, watched in self._watched.items() if watched == (observer, watch)]:
            del self._watched[other]
        if observer.is_alive():
            observer.unschedule(watch)
        else:
            observer.stop()


def works(observer: BaseObserver, watch: ObservedWatch) -> bool:
    """Tell whether all threads of a watch are at work."""
    return observer.is_alive() and any(e.is_alive() for e in observer.emitters if e.watch == watch)
