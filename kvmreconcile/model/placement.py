"""Place specs on hosts by the names and labels of the hosts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class LocalHost:
    """The name and the labels of this host, by which specs are placed."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placement:
    """
    The hosts that a spec is for: those that match both parts.

    Attributes:
        hosts: Names, or patterns with the wildcards of fnmatch(3); empty for any name.
        selector: Labels that the host must have, with their values.
    """

    hosts: tuple[str, ...] = ()
    selector: tuple[tuple[str, str], ...] = ()

    def includes(self, host: LocalHost) -> bool:
        """Return whether the spec is for a host."""
        is_named = not self.hosts or any(fnmatchcase(host.name, pattern) for pattern in self.hosts)
        return is_named and all(host.labels.get(name) == value for name, value in self.selector)

    @property
    def is_single(self) -> bool:
        """Whether the spec is for one host only, whatever hosts there are."""
        return len(self.hosts) == 1 and not _WILDCARDS & set(self.hosts[0])

    def __str__(self) -> str:
        """Return the text for messages, such as "kvm1" or "hosts with rack=a"."""
        labels = ", ".join(f"{name}={value}" for name, value in self.selector)
        names = ", ".join(self.hosts)
        return f"{names or 'hosts'} with {labels}" if labels else names
