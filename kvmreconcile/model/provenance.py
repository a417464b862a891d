"""
Identify the sources of specs: the one that each object comes from, and the one that was read.

The removal of an object without a spec is proposed only if the whole source that it comes from was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kvmreconcile.model.objects import Key


@dataclass(frozen=True, slots=True, order=True)
class Root:
    """
    A file of specs, or a directory of them with all that is below it.

    Attributes:
        path: Absolute on this host; in a repository relative to its top, "" for all of it.
        repository: Its URL without a password, "" for this host's file system.
    """

    path: str
    repository: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.repository, self.path)))

    def holds(self, other: "Root") -> bool:
        """Return whether it is another root or a parent directory of it."""
        top = self.path.rstrip("/")
        is_below = not top or other.path == self.path or other.path.startswith(f"{top}/")
        return is_below and self.repository == other.repository


@dataclass(frozen=True, slots=True)
class SpecSource:
    """
    The files and directories that are read together; without any, the source is unknown.

    Attributes:
        aliases: Other paths of the same files: with symbolic links resolved.
    """

    roots: tuple[Root, ...] = ()
    aliases: tuple[Root, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return ", ".join(map(str, self.roots)) or "an unknown source"

    def includes(self, other: "SpecSource") -> bool:
        """Return whether this source contains all of another one."""
        known = (*self.roots, *self.aliases)
        return bool(other.roots) and all(any(root.holds(each) for root in known) for each in other.roots)


ALL_FILES = SpecSource((Root("/"),))
"""Every file of this host; the source where none is named."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """
    The source that each object comes from, and the source that was read.

    Attributes:
        configured: The source in the settings.
        recorded: The source in which each object was last found, when it was in sync or acted on. An object that is
            missing here was recorded by an earlier version, and counts as one of the configured source.
        all_sources: Whether objects of every source are considered.
    """

    read: SpecSource = ALL_FILES
    configured: SpecSource = ALL_FILES
    recorded: Mapping[Key, SpecSource] = field(default_factory=dict)
    all_sources: bool = False

    def source_of(self, key: Key) -> SpecSource:
        """Return the source that an object comes from."""
        return self.recorded.get(key, self.configured)

    def is_elsewhere(self, key: Key) -> bool:
        """Return whether an object may be in specs that were not read: its source was not read completely."""
        return not self.read.includes(self.source_of(key))

    def leaves_out(self, key: Key) -> bool:
        """Return whether the removal of an object without a spec is not proposed."""
        return not self.all_sources and self.is_elsewhere(key)

    def to_record(self, keys: Iterable[Key]) -> dict[Key, SpecSource]:
        """
        Return the sources to store for objects that were found in the source that was read.

        An object keeps its source if only a part of that was read: it may be moved to a file that was not.
        """
        found: dict[Key, SpecSource] = {}
        for key in keys:
            is_part = self.read != self.configured and self.source_of(key).includes(self.read)
            source = self.source_of(key) if is_part else self.read
            if source != self.recorded.get(key):
                found[key] = source
        return found
