"""
Run jobs periodically.

The scheduler's own guard against running a job twice at once logs a warning each time; a download may be due hundreds of
times while it runs. So each job has a guard of ours.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Self

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1 << 30}
"""A late job is still done; by default it would be dropped."""


class Schedule:
    """Runs jobs in threads of their own until the block ends, which does not wait for those under way."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_DEFAULTS)

    def every(self, each_s: float, job: Callable[[], None], jitter_s: float = 0.0) -> Callable[[], None]:
        """
        Run a job every so many seconds, never twice at once; what falls due while it runs is left out.

        Args:
            jitter_s: By how much each run may be earlier or later.

        Returns:
            A function that runs it at once; while it runs, once more when it has ended.
        """
        once = _Once(job)
        added = self._scheduler.add_job(once, IntervalTrigger(seconds=each_s, jitter=jitter_s or None))

        def at_once() -> None:
            if not once.repeat():
                added.modify(next_run_time=datetime.now(UTC))

        return at_once

    def __enter__(self) -> Self:
        self._scheduler.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._scheduler.shutdown(wait=False)


class _Once:
    """A job that does nothing if it is called while it runs."""

    def __init__(self, job: Callable[[], None]) -> None:
        self._job, self._lock = job, Lock()
        self._is_running = self._is_due = False

    def repeat(self) -> bool:
        """Have it run once more when it has ended; tell whether it is running."""
        with self._lock:
            self._is_due = self._is_running
            return self._is_running

    def __call__(self) -> None:
        with self._lock:
            if self._is_running:
                return
            self._is_running = True
        try:
            self._job()
            while self._is_asked_for():
                self._job()
        except BaseException:
            with self._lock:
                self._is_running = self._is_due = False
            raise

    def _is_asked_for(self) -> bool:
        """Tell whether it is to run once more; if not, it has ended."""
        with self._lock:
            self._is_running, self._is_due = self._is_due, False
            return self._is_running
