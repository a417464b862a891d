"""
Identify spec sources: the source of each object, and the source that was read.

The removal of an object without a spec is proposed only if the whole source of the object was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kvmreconcile.model.objects import Key


@dataclass(frozen=True, slots=True, order=True)
class Root:
    """
    A file of specs, or a directory of specs with all its subdirectories.

    Attributes:
        path: An absolute path on this host, or a path relative to the top directory of a repository; ""
            for the whole repository.
        repository: The URL of the repository without its password; "" for the file system of this host.
    """

    path: str
    repository: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.repository, self.path)))

    def holds(self, other: "Root") -> bool:
        """Return whether this root is the same as another root, or a parent directory of the other root."""
        top = self.path.rstrip("/")
        is_below = not top or other.path == self.path or other.path.startswith(f"{top}/")
        return is_below and self.repository == other.repository


@dataclass(frozen=True, slots=True)
class SpecSource:
    """
    The files and directories that are read together.

    Attributes:
        roots: The files and directories; empty if the source is unknown.
        aliases: The same files and directories with symbolic links resolved.
    """

    roots: tuple[Root, ...] = ()
    aliases: tuple[Root, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return ", ".join(map(str, self.roots)) or "an unknown source"

    def includes(self, other: "SpecSource") -> bool:
        """Return whether this source contains all files of another source."""
        known = (*self.roots, *self.aliases)
        return bool(other.roots) and all(any(root.holds(each) for root in known) for each in other.roots)


ALL_FILES = SpecSource((Root("/"),))
"""All files of this host; the default source."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """
    The source that each object comes from, and the source that was read.

    Attributes:
        read: The source that was read.
        configured: The source in the settings.
        recorded: The source in which each object was found when it was last in sync or changed. An object
            without an entry was recorded by an earlier version and belongs to the configured source.
        all_sources: Whether removals are proposed for objects of every source.
    """

    read: SpecSource = ALL_FILES
    configured: SpecSource = ALL_FILES
    recorded: Mapping[Key, SpecSource] = field(default_factory=dict)
    all_sources: bool = False

    def source_of(self, key: Key) -> SpecSource:
        """Return the source of an object."""
        return self.recorded.get(key, self.configured)

    def is_elsewhere(self, key: Key) -> bool:
        """Return whether an object may have a spec that was not read: its source was not read completely."""
        return not self.read.includes(self.source_of(key))

    def leaves_out(self, key: Key) -> bool:
        """Return whether an object is kept although no spec for it was read."""
        return not self.all_sources and self.is_elsewhere(key)

    def to_record(self, keys: Iterable[Key]) -> dict[Key, SpecSource]:
        """
        Return the new sources to store for objects that were found in the source that was read.

        If only a part of an object's source was read, the object keeps that source: its spec may be moved
        to another file of the source.
        """
        found: dict[Key, SpecSource] = {}
        for key in keys:
            is_part = self.read != self.configured and self.source_of(key).includes(self.read)
            source = self.source_of(key) if is_part else self.read
            if source != self.recorded.get(key):
                found[key] = source
        return found
