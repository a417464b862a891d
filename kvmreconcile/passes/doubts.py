"""
What may be otherwise than it was seen last: what rang, and what was worked on.

Separate from passes, which look where there is doubt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model import Key

Rung = Mapping[str, float]
"""Why it rang, each reason once, and when it first did for that reason, by the clock of passes."""

SPECS = "specs"
"""The ring that says that spec files may have changed."""
PROGRESS = "progress"
"""The ring that says that what a pass began is done."""


def is_about_all(ring: str) -> bool:
    """Tell whether a ring says that anything may be otherwise: it names no object, and is not known to be about none."""
    return "/" not in ring and ring not in (SPECS, PROGRESS)


@dataclass(slots=True)
class Doubts:
    """
    Where to look.

    Attributes:
        since_s: When the first event or change of a file came that was not answered yet, None without any.
    """

    everything: bool = True
    specs: bool = True
    keys: set[Key] = field(default_factory=set)
    since_s: float | None = None

    def add(self, rung_by: Rung) -> None:
        """Take rings in."""
        self.keys |= {Key.read(why) for why in rung_by if "/" in why}
        self.specs |= SPECS in rung_by
        self.everything |= any(map(is_about_all, rung_by))
        events = (at_s for why, at_s in rung_by.items() if "/" in why or why == SPECS)
        self.since_s = min((s for s in (self.since_s, *events) if s is not None), default=None)
