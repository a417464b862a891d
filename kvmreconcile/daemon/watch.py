"""
Watch the specs' files, and ring when they may have changed.

Separate from reading them: a watch may miss things (a full queue, a network's file system), so it only rings,
and what was changed is found out by reading all.
"""

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

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
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from kvmreconcile.source.files import SUFFIXES

Ring = Callable[[], None]

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
    found = (*(_place(name.parent, name.name) for name in names), _place(real))
    return tuple(place for place in found if place)


def _place(directory: Path, entry: str = "") -> Place | None:
    real = os.path.realpath(directory)
    try:
        status = Path(real).stat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    return Place(real, (status.st_dev, status.st_ino), entry)


class _Handler(FileSystemEventHandler):
    def __init__(self, place: Place, ring: Ring) -> None:
        self._place = place
        self._ring = ring

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Ring if it is about something that is read."""
        if any(self._matters(os.fsdecode(path), event) for path in (event.src_path, event.dest_path) if path):
            self._ring()

    def _matters(self, path: str, event: FileSystemEvent) -> bool:
        directory, _, name = path.rpartition("/")
        if self._place.entry:
            return (directory or "/", name) == (self._place.directory, self._place.entry)
        return not name.startswith(".") and (event.is_directory or name.endswith(SUFFIXES))


class Watch:
    """The watched places of some paths; they are put up by `tend`, and again whenever they have moved."""

    def __init__(self, paths: Sequence[Path], ring: Ring) -> None:
        self._paths = paths
        self._ring = ring
        self._observer = Observer()
        self._watched: dict[Place, ObservedWatch] = {}

    def __enter__(self) -> Self:
        self._observer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._observer.stop()
        self._observer.join()

    def tend(self) -> tuple[str, ...]:
        """
        Watch what is to be watched now; cheap where nothing has moved.

        Returns:
            What cannot be watched, and why. Everything else is.
        """
        wanted = dict.fromkeys(place for path in self._paths for place in places(path))
        dead = {e.watch for e in self._observer.emitters if not e.is_alive()}
        for place, watch in tuple(self._watched.items()):
            if place not in wanted or watch in dead:
                self._drop(place)
        failures = [self._add(place) for place in wanted if place not in self._watched]
        return tuple(filter(None, failures))

    def _add(self, place: Place) -> str:
        # Two places may share a directory, and then a watch: watchdog knows it by path and depth.
        path, recursive = place.directory, not place.entry
        try:
            watch = self._observer.schedule(
                _Handler(place, self._ring), path, recursive=recursive, event_filter=_EVENTS
            )
        except OSError as error:
            return f"{path}: {error.strerror or error}"
        self._watched[place] = watch
        # What changed before the watch was there is told by nobody else.
        self._ring()
        return ""

    def _drop(self, place: Place) -> None:
        watch = self._watched.pop(place)
        for other in [p for p, w in self._watched.items() if w == watch]:
            del self._watched[other]
        self._observer.unschedule(watch)
