"""
Decide when to reconnect because a live connection no longer reaches all of libvirt.

libvirt may run a separate daemon for each kind of object, such as virtnetworkd. If such a daemon exits, its objects are
unobservable, and only a new connection reaches the daemon after its restart.
"""

from collections.abc import Callable

from kvmreconcile.events.attempts import AttemptResult
from kvmreconcile.events.events import PassEvent, PassPlanned
from kvmreconcile.reconcile.backoff import delay_s

LONGEST_S = 30.0
"""The longest delay before reconnecting. Each reconnection is followed by a pass over all objects."""


class Reconnect:
    """Subscriber that checks after each pass for unobservable parts of the host."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._attempts = 0
        self._misses_events = False
        self.due_s: float | None = None

    def begin(self, *, misses_events: bool) -> None:
        """
        Record a new connection.

        Args:
            misses_events: Whether the connection receives no events about some kinds of objects.
        """
        self._misses_events = misses_events
        self.due_s = None

    def __call__(self, event: PassEvent) -> None:
        """Set the time to reconnect if a pass could not observe a part of the host."""
        if not isinstance(event, PassPlanned):
            return
        if not self._misses_events and not any(
            unobservable.lost for unobservable in event.world.observed.unobservable
        ):
            self._attempts, self.due_s = 0, None
        elif self.due_s is None:
            self._attempts += 1
            self.due_s = self._clock() + min(delay_s(AttemptResult.PASSING, self._attempts), LONGEST_S)

    def is_due(self) -> bool:
        """Return whether it is time to reconnect."""
        return self.due_s is not None and self._clock() >= self.due_s
