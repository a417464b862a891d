"""
Run jobs periodically.

Separate from the jobs, so that the scheduler is configured in one place: by default it drops late jobs and runs
slow ones several times at once.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
"""A late job is still done, and a busy one not doubled."""


class Schedule:
    """Runs jobs in threads of their own until the block ends, which does not wait for those under way."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_DEFAULTS)

    def every(self, each_s: float, job: Callable[[], None], jitter_s: float = 0.0) -> Callable[[], None]:
        """
        Run a job every so many seconds; return a function that runs it at once.

        Args:
            jitter_s: By how much each run may be earlier or later.
        """
        added = self._scheduler.add_job(job, IntervalTrigger(seconds=each_s, jitter=jitter_s or None))
        return lambda: added.modify(next_run_time=datetime.now(UTC))

    def __enter__(self) -> Self:
        self._scheduler.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._scheduler.shutdown(wait=False)
