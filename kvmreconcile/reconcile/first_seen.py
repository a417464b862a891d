"""
Record when each spec was last changed.

The times are those of a monotonic clock and are kept in memory only. After a restart of the daemon,
all specs count as changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Desired, FirstSeen, Key, Source
from kvmreconcile.source.loaded import Loaded


@dataclass(slots=True)
class FirstSeenLog:
    """The specs of the last read, and the time of the last change of each spec."""

    _desired: Mapping[Key, Desired] = field(default_factory=dict)
    _frozen: frozenset[Key] = frozenset()
    _since_s: dict[Key, float] = field(default_factory=dict)
    _gone_s: dict[Key, float] = field(default_factory=dict)
    _complete_s: float | None = None

    def record(self, specs: Loaded, read_s: float, *, delivered: bool) -> FirstSeen:
        """
        Record specs that were read. Return the times since which specs are unchanged or missing.

        Args:
            read_s: The time of the read.
            delivered: Whether the specs are from a commit, so that they are complete.
        """
        named = specs.desired.keys() | specs.frozen
        since_s = {key: self._since(key, desired, read_s) for key, desired in specs.desired.items()}
        gone_s = {key: at_s for key, at_s in self._gone_s.items() if key not in named}
        gone_s |= dict.fromkeys((self._desired.keys() | self._frozen) - named, read_s)
        if not specs.complete:
            self._complete_s = None
        elif self._complete_s is None:
            self._complete_s = read_s
        self._desired, self._frozen, self._since_s, self._gone_s = (
            specs.desired,
            specs.frozen,
            since_s,
            gone_s,
        )
        # While some specs cannot be read, no spec counts as removed.
        rest_s = read_s if self._complete_s is None else self._complete_s
        return FirstSeen(
            read_s=read_s,
            since_s=since_s | {key: max(at_s, rest_s) for key, at_s in gone_s.items()},
            rest_s=rest_s,
            delivered=delivered,
        )

    def _since(self, key: Key, desired: Desired, read_s: float) -> float:
        was = self._desired.get(key)
        is_same = was is desired or (was is not None and _content(was) == _content(desired))
        return self._since_s[key] if is_same else read_s


def _content(desired: Desired) -> Desired:
    """Return a desired object without line numbers, since an added comment changes line numbers."""
    return replace(desired, source=Source(), references=())
