"""
What is done again and again, by the clock.

Separate from what that is, so that the scheduler's own habits are known in one place: left to itself, it drops
what is late and piles up what takes long.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
"""A late job is still done, and a busy one not doubled."""


class Schedule:
    """Jobs in threads of their own, from the beginning of the block to its end; what is under way is not waited for."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_DEFAULTS)

    def every(self, each_s: float, job: Callable[[], None], jitter_s: float = 0.0) -> Callable[[], None]:
        """
        Have a job done so often, and return what has it done at once.

        Args:
            jitter_s: How much sooner or later each time may be.
        """
        added = self._scheduler.add_job(job, IntervalTrigger(seconds=each_s, jitter=jitter_s or None))
        return lambda: added.modify(next_run_time=datetime.now(UTC))

    def __enter__(self) -> Self:
        self._scheduler.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._scheduler.shutdown(wait=False)
