"""
Watch the directories of pools, and trigger a pass over each volume whose file is completed, replaced or removed.

libvirt sends no events for files, so without the watch only a full pass would observe such a change. Files of volumes
that are named neither in a spec nor in the state are ignored. Changes that the watch misses are found by the next full
pass.
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

from kvmreconcile.daemon.spec_watch import LOGGER, WatchdogWarnings, WatchTarget, is_working, watch_target
from kvmreconcile.events.events import PassEvent, PassPlanned
from kvmreconcile.host.identity import is_local
from kvmreconcile.model import Key, World
from kvmreconcile.plan import ComparisonCache
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.gates.outdated_lists import named_data
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.source.filesystems import SharedMounts, reports_all_changes

MOST = 16
"""The maximum number of watched directories: each needs an inotify instance, and a user has 128 (inotify(7))."""
_EVENTS: list[type[FileSystemEvent]] = [FileClosedEvent, FileDeletedEvent, FileMovedEvent]
"""Events that trigger a pass. A new file is still incomplete, and libvirt would detect a wrong format."""


_SHARED = "the file system does not report all changes"
_UNWATCHABLE_PATH = (
    "the path leads through a file system that does not report all changes, or too many symbolic links"
)


def directories(world: World, kinds: Rulebooks, cache: ComparisonCache) -> Mapping[str, Mapping[str, Key]]:
    """Return the directories with volumes that specs or the state name, and these volumes by file name."""
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
    Subscriber that learns from passes which files to watch.

    Another thread calls `maintain`, which adds and removes watches.

    Args:
        trigger: Schedules a pass over a volume, given the key of the volume.
        uri: The libvirt URI. If libvirt is on another machine, nothing is watched.
    """

    def __init__(self, trigger: Callable[[str], None], kinds: Rulebooks, uri: str) -> None:
        self._trigger = trigger
        self._kinds = kinds
        self._cache = ComparisonCache()
        self._is_local = is_local(uri)
        self._files: Mapping[Path, Key] = {}
        self._absent: frozenset[Path] = frozenset()
        self._shared: tuple[str, ...] = ()
        self._observer: BaseObserver | None = None
        self._watched: dict[WatchTarget, ObservedWatch] = {}
        self._warned = WatchdogWarnings(self._trigger_for_absent)

    def __enter__(self) -> Self:
        LOGGER.addHandler(self._warned)
        return self

    def __exit__(self, *_error: object) -> None:
        LOGGER.removeHandler(self._warned)
        if self._observer:
            self._observer.stop()
            self._observer.join()

    def __call__(self, event: PassEvent) -> None:
        """Record the files of the volumes that specs or the state name."""
        if self._is_local and isinstance(event, PassPlanned):
            self._cache.keep_only(event.world.desired.keys())
            named, shares = directories(event.world, self._kinds, self._cache), SharedMounts()
            resolved = {directory: shares.resolve(directory) for directory in named}
            self._shared = tuple(
                f"{directory}: {_UNWATCHABLE_PATH}" for directory, target in resolved.items() if not target
            )
            found = {
                target / file: key
                for directory, target in resolved.items()
                if target
                for file, key in named[directory].items()
            }
            seen = event.world.observed
            self._absent = frozenset(path for path, key in found.items() if not seen.actual(key))
            self._files = found

    def maintain(self) -> tuple[str, ...]:
        """
        Add missing watches and remove obsolete watches; this is cheap if nothing has changed.

        Returns:
            The directories that are not watched, each with the reason.
        """
        directories = sorted({path.parent for path in self._files})
        wanted = {target: path for path in directories if (target := watch_target(path))}
        for target, watch in tuple(self._watched.items()):
            if target not in wanted or not (self._observer and is_working(self._observer, watch)):
                self._drop(target)
        added = (self._add(target) for target in wanted if target not in self._watched)
        return (*self._shared, *filter(None, added))

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Trigger a pass over each volume whose file has changed according to an event."""
        for path in (event.src_path, event.dest_path):
            if key := self._files.get(Path(os.fsdecode(path))):
                self._trigger(str(key))

    def _add(self, target: WatchTarget) -> str:
        if why := self._unwatchable(target):
            return f"{target.directory}: {why}"
        if self._observer is None or not self._observer.is_alive():
            # With full events, a file that is moved here from elsewhere is reported as a move.
            self._observer = InotifyObserver(generate_full_events=True)
            self._observer.start()
        try:
            watch = self._observer.schedule(self, target.directory, event_filter=_EVENTS)
        except OSError as error:
            return f"{target.directory}: {error.strerror or error}"
        self._watched[target] = watch
        self._trigger_for_absent()
        return ""

    def _unwatchable(self, target: WatchTarget) -> str:
        """Return why a directory cannot be watched, or "" if it can be watched."""
        if len(self._watched) >= MOST:
            return f"the limit of {MOST} watched directories is reached"
        if not os.access(target.directory, os.R_OK):
            return "the daemon has no permission to read the directory"
        return "" if reports_all_changes(target.identity[0]) else _SHARED

    def _trigger_for_absent(self) -> None:
        """Trigger passes over volumes whose files appeared before the watch began."""
        for path in self._absent:
            # Not `Path.exists`, which raises an error if the directory may not be searched.
            if os.path.lexists(path) and (key := self._files.get(path)):
                self._trigger(str(key))

    def _drop(self, target: WatchTarget) -> None:
        watch = self._watched.pop(target)
        if self._observer and self._observer.is_alive():
            self._observer.unschedule(watch)
