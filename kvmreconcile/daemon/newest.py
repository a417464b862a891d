"""
Keep the newest snapshot of what the daemon knows.

Separate from what follows from news, which is pure: here are the clocks, and the one place to read it from.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

from kvmreconcile.passes.news import News
from kvmreconcile.settings import Settings
from kvmreconcile.status import Status
from kvmreconcile.status.after import Moment, after, begin


class Newest:
    """
    Follows the passes; any thread may read `status` at any time, and never waits for it.

    Attributes:
        status: The newest; each is whole, and is replaced by another at once.
    """

    def __init__(self, settings: Settings, version: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self.status: Status = begin(settings, version, self._now())

    def __call__(self, news: News) -> None:
        """Take a piece of news in, from whatever thread has it."""
        with self._lock:
            self.status = after(self.status, news, self._now())

    def _now(self) -> Moment:
        return Moment(datetime.now(UTC), self._clock())
