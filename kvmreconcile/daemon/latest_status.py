"""
Keep the newest status snapshot, for any thread to read.

Separate from `status/`, which works out each snapshot and is pure: the clock and the lock are here.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

from kvmreconcile.events.events import PassEvent
from kvmreconcile.settings.settings import Settings
from kvmreconcile.status import Status
from kvmreconcile.status.fold import Moment, after, begin


class LatestStatus:
    """
    Follows the passes; any thread may read `status` at any time, and never waits for it.

    Attributes:
        status: The newest snapshot; a whole frozen value, replaced in one assignment.
    """

    def __init__(self, settings: Settings, version: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self.status: Status = begin(settings, version, self._now())

    def __call__(self, news: PassEvent) -> None:
        """Work out the next snapshot from a piece of news, from any thread."""
        with self._lock:
            self.status = after(self.status, news, self._now())

    def _now(self) -> Moment:
        return Moment(datetime.now(UTC), self._clock())
