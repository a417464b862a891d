"""
Watch the directories of pools, and ring for each volume whose file was completed, replaced or removed there.

libvirt sends no event for a file, so a pass would see it only when everything is observed again. Only the files of
volumes that a spec or the state names count. The watch is a hint: whatever it misses is found by the next full pass.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from watchdog.events import (
    FileClosedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyObserver

from kvmreconcile.daemon.spec_watch import LOGGER, Place, Warned, place_of, works
from kvmreconcile.events.events import PassEvent, PassPlanned
from kvmreconcile.host.identity import is_local
from kvmreconcile.model import Key, World
from kvmreconcile.plan import ComparisonCache
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.gates.outdated_lists import named_data
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.source.filesystems import Shares, tells_of_changes

MOST = 16
"""How many directories are watched: each takes an inotify instance, of which a user has 128 (inotify(7))."""
_EVENTS: list[type[FileSystemEvent]] = [FileClosedEvent, FileDeletedEvent, FileMovedEvent]
"""Not the creation of a file: it is not complete yet, and libvirt would keep the format of what it finds by then."""


_SHARED = "its file system does not report all changes"
_LEADS_ELSEWHERE = (
    "its path leads through a file system that does not report all changes, or too many symbolic links"
)


def directories(world: World, kinds: Rulebooks, cache: ComparisonCache) -> Mapping[str, Mapping[str, Key]]:
    """Return the directories with volumes that are named, and in each the names of their files."""
    lookup = Lookups(world).lookup
    found: dict[str, dict[str, Key]] = {}
    for key in sorted(named_data(world, kinds, cache)):
        data = kinds[key.kind].data
        for name in data.names(key, lookup) if data else ():
            directory, _, file = name.rpartition("/")
            if directory.startswith("/"):
                found.setdefault(directory, {})[file] = key
    return found


class PoolWatch(FileSystemEventHandler):
    """
    Follows the passes, which say what to watch; the watches are put up by `tend`, from another thread.

    Args:
        ring: Called with the key of a volume.
        uri: Of libvirt; where that is on another machine nothing is watched.
    """

    def __init__(self, ring: Callable[[str], None], kinds: Rulebooks, uri: str) -> None:
        self._ring = ring
        self._kinds = kinds
        self._cache = ComparisonCache()
        self._is_local = is_local(uri)
        self._files: Mapping[Path, Key] = {}
        self._absent: frozenset[Path] = frozenset()
        self._shared: tuple[str, ...] = ()
        self._observer: BaseObserver | None = None
        self._watched: dict[Place, ObservedWatch] = {}
        self._warned = Warned(self._ring_for_absent)

    def __enter__(self) -> Self:
        LOGGER.addHandler(self._warned)
        return self

    def __exit__(self, *_error: object) -> None:
        LOGGER.removeHandler(self._warned)
        if self._observer:
            self._observer.stop()
            self._observer.join()

    def __call__(self, news: PassEvent) -> None:
        """Take note of which volumes there are."""
        if self._is_local and isinstance(news, PassPlanned):
            self._cache.keep_only(news.world.desired.keys())
            named, shares = directories(news.world, self._kinds, self._cache), Shares()
            places = {directory: shares.resolve(directory) for directory in named}
            self._shared = tuple(
                f"{directory}: {_LEADS_ELSEWHERE}" for directory, place in places.items() if not place
            )
            found = {
                place / file: key
                for directory, place in places.items()
                if place
                for file, key in named[directory].items()
            }
            seen = news.world.observed
            self._absent = frozenset(path for path, key in found.items() if not seen.actual(key))
            self._files = found

    def tend(self) -> tuple[str, ...]:
        """
        Watch what is to be watched now; cheap where nothing has moved.

        Returns:
            The directories that are not watched, and why.
        """
        directories = sorted({path.parent for path in self._files})
        wanted = {place: path for path in directories if (place := place_of(path))}
        for place, watch in tuple(self._watched.items()):
            if place not in wanted or not (self._observer and works(self._observer, watch)):
                self._drop(place)
        added = (self._add(place) for place in wanted if place not in self._watched)
        return (*self._shared, *filter(None, added))

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Ring for the volumes that an event is about."""
        for path in (event.src_path, event.dest_path):
            if key := self._files.get(Path(os.fsdecode(path))):
                self._ring(str(key))

    def _add(self, place: Place) -> str:
        if why := self._unwatchable(place):
            return f"{place.directory}: {why}"
        if self._observer is None or not self._observer.is_alive():
            # Full events report what is moved in from elsewhere as a move.
            self._observer = InotifyObserver(generate_full_events=True)
            self._observer.start()
        try:
            watch = self._observer.schedule(self, place.directory, event_filter=_EVENTS)
        except OSError as error:
            return f"{place.directory}: {error.strerror or error}"
        self._watched[place] = watch
        self._ring_for_absent()
        return ""

    def _unwatchable(self, place: Place) -> str:
        """Return why a directory is not watched, "" if it can be."""
        if len(self._watched) >= MOST:
            return f"{MOST} other directories are watched, which is the limit"
        if not os.access(place.directory, os.R_OK):
            return "the daemon may not read it"
        return "" if tells_of_changes(place.identity[0]) else _SHARED

    def _ring_for_absent(self) -> None:
        """Ring for files that were added while nobody watched."""
        for path in self._absent:
            # Not `Path.exists`, which raises where the directory may not be searched.
            if os.path.lexists(path) and (key := self._files.get(path)):
                self._ring(str(key))

    def _drop(self, place: Place) -> None:
        watch = self._watched.pop(place)
        if self._observer and self._observer.is_alive():
            self._observer.unschedule(watch)
