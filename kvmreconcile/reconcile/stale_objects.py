"""
Track which objects may have changed since they were last observed.

A pass observes only these stale objects again, and the objects that its plan would change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model import Key

Triggers = Mapping[str, float]
"""The time at which each trigger of a pass was first enqueued, by the clock of passes."""

SPECS = "specs"
"""The trigger for spec files that may have changed."""
PROGRESS = "progress"
"""The trigger after a pass that changed something."""


def covers_everything(trigger: str) -> bool:
    """
    Return whether a trigger means that any object may have changed.

    It does, unless the trigger is the key of an object, SPECS or PROGRESS.
    """
    return "/" not in trigger and trigger not in (SPECS, PROGRESS)


@dataclass(slots=True)
class StaleObjects:
    """
    The objects that the next pass must observe, and whether it must read specs.

    Attributes:
        everything: Whether all objects are observed, even if `keys` does not contain them.
        specs: Whether spec files are read again.
        keys: The objects to observe.
        since_s: When the first event or file change arrived that no plan has considered yet; None
            if there is none.
    """

    everything: bool = True
    specs: bool = True
    keys: set[Key] = field(default_factory=set)
    since_s: float | None = None

    def add(self, triggered_by: Triggers) -> None:
        """Mark the objects and specs to which the triggers refer as stale."""
        self.keys |= {Key.read(why) for why in triggered_by if "/" in why}
        self.specs |= SPECS in triggered_by
        self.everything |= any(map(covers_everything, triggered_by))
        events = (at_s for why, at_s in triggered_by.items() if "/" in why or why == SPECS)
        self.since_s = min((s for s in (self.since_s, *events) if s is not None), default=None)
