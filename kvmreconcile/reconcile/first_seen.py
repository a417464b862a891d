"""
Record since when specs have said what they say, from pass to pass.

The clock is monotonic, and nothing is kept: a daemon that starts begins the time again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Desired, FirstSeen, Key, Source
from kvmreconcile.source.load import Loaded


@dataclass(slots=True)
class FirstSeenLog:
    """What the specs said when they were last read, and since when."""

    _desired: Mapping[Key, Desired] = field(default_factory=dict)
    _frozen: frozenset[Key] = frozenset()
    _since_s: dict[Key, float] = field(default_factory=dict)
    _gone_s: dict[Key, float] = field(default_factory=dict)
    _complete_s: float | None = None

    def read(self, specs: Loaded, read_s: float, *, delivered: bool) -> FirstSeen:
        """Take note of specs that were read, and return since when they have said the same."""
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
        # While not all can be read, nothing is known to be gone.
        rest_s = read_s if self._complete_s is None else self._complete_s
        return FirstSeen(
            read_s=read_s,
            since_s=since_s | {key: max(at_s, rest_s) for key, at_s in gone_s.items()},
            rest_s=rest_s,
            delivered=delivered,
        )

    def _since(self, key: Key, desired: Desired, read_s: float) -> float:
        was = self._desired.get(key)
        is_same = was is desired or (was is not None and _words(was) == _words(desired))
        return self._since_s[key] if is_same else read_s


def _words(desired: Desired) -> Desired:
    """Return what a document says without where it says it, which a comment above it changes."""
    return replace(desired, source=Source(), references=())
