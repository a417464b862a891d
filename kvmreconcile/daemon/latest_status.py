"""
Keep the newest status snapshot, which any thread may read.

The package `status` computes snapshots. This module adds the clock and the lock.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

from kvmreconcile.events.events import PassEvent
from kvmreconcile.settings.settings import Settings
from kvmreconcile.status import Status
from kvmreconcile.status.fold import Moment, apply_event, initial_status


class LatestStatus:
    """
    Subscriber that updates the status; any thread may read `status` at any time without waiting.

    Attributes:
        status: The newest snapshot. Snapshots are immutable, and are replaced in one assignment.
    """

    def __init__(self, settings: Settings, version: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self.status: Status = initial_status(settings, version, self._now())

    def __call__(self, event: PassEvent) -> None:
        """Compute the next snapshot from an event; any thread may call this."""
        with self._lock:
            self.status = apply_event(self.status, event, self._now())

    def _now(self) -> Moment:
        return Moment(datetime.now(UTC), self._clock())
