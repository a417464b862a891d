"""
Tell when to connect anew because the connection, though alive, no longer reaches all of libvirt.

Separate from the connection itself: libvirt has one daemon for each kind of object, behind the one that we talk to.
If one of them dies, its kind cannot be seen, and only a new connection finds the daemon that replaces it.
"""

from collections.abc import Callable

from kvmreconcile.events.attempts import Fate
from kvmreconcile.events.events import PassEvent, PassPlanned

LONGEST_S = 30.0
"""How long to wait at most before connecting anew; after that everything is looked at."""


class Reconnect:
    """Follows the passes; to be asked after each of them, and told of each new connection."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tries = 0
        self._is_deaf = False
        self.due_s: float | None = None

    def begin(self, *, is_deaf: bool) -> None:
        """Take note of a new connection; a deaf one does not get the events of every kind."""
        self._is_deaf = is_deaf
        self.due_s = None

    def __call__(self, news: PassEvent) -> None:
        """Take note of what a pass saw."""
        if not isinstance(news, PassPlanned):
            return
        if not self._is_deaf and not any(
            unobservable.lost for unobservable in news.world.observed.unobservable
        ):
            self._tries, self.due_s = 0, None
        elif self.due_s is None:
            self._tries += 1
            self.due_s = self._clock() + min(Fate.PASSING.wait_s(self._tries), LONGEST_S)

    def is_due(self) -> bool:
        """Tell whether it is time to connect anew."""
        return self.due_s is not None and self._clock() >= self.due_s
