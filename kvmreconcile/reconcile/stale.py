"""
What may have changed since it was last seen: what rang, and what was worked on.

Separate from passes, which look again at what is stale, and at nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model import Key

Triggers = Mapping[str, float]
"""Each reason why it rang, and when it first rang for that reason, by the clock of passes."""

SPECS = "specs"
"""The ring for spec files that may have changed."""
PROGRESS = "progress"
"""The ring for work of a pass that is done."""


def is_about_all(ring: str) -> bool:
    """Tell whether a ring means that anything may have changed: it names neither an object nor one of the above."""
    return "/" not in ring and ring not in (SPECS, PROGRESS)


@dataclass(slots=True)
class Stale:
    """
    Where to look.

    Attributes:
        everything: Whether all objects are to be looked at, whatever `keys` says.
        specs: Whether spec files are to be read again.
        since_s: When the first event or file change arrived that no pass has answered yet, None if there is none.
    """

    everything: bool = True
    specs: bool = True
    keys: set[Key] = field(default_factory=set)
    since_s: float | None = None

    def add(self, triggered_by: Triggers) -> None:
        """Mark as stale what rings are about."""
        self.keys |= {Key.read(why) for why in triggered_by if "/" in why}
        self.specs |= SPECS in triggered_by
        self.everything |= any(map(is_about_all, triggered_by))
        events = (at_s for why, at_s in triggered_by.items() if "/" in why or why == SPECS)
        self.since_s = min((s for s in (self.since_s, *events) if s is not None), default=None)
