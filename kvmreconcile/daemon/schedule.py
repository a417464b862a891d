"""
Run jobs periodically.

APScheduler can keep a job from running twice at once, but then logs a warning for each skipped run. A download may be
due hundreds of times while it runs, so this module has its own guard for jobs.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Self

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1 << 30}
"""A late job still runs; with APScheduler's defaults, the job would be dropped."""


class Schedule:
    """Runs jobs in separate threads until the context exits; the exit does not wait for running jobs."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_DEFAULTS)

    def every(self, interval_s: float, job: Callable[[], None], jitter_s: float = 0.0) -> Callable[[], None]:
        """
        Run a job at an interval, but never twice at once.

        A run that is due while the job is running is skipped.

        Args:
            jitter_s: By how many seconds, at most, each run is randomly earlier or later.

        Returns:
            A function that runs the job at once. If the job is running, it runs once more afterwards.
        """
        once = _Once(job)
        added = self._scheduler.add_job(once, IntervalTrigger(seconds=interval_s, jitter=jitter_s or None))

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
    """A job that ignores calls while the job is running."""

    def __init__(self, job: Callable[[], None]) -> None:
        self._job, self._lock = job, Lock()
        self._is_running = self._is_due = False

    def repeat(self) -> bool:
        """
        Request another run after the current run.

        Returns:
            Whether the job is running; if not, the request has no effect.
        """
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
            while self._is_run_again():
                self._job()
        except BaseException:
            with self._lock:
                self._is_running = self._is_due = False
            raise

    def _is_run_again(self) -> bool:
        """Return whether another run was requested; if not, record that the job has ended."""
        with self._lock:
            self._is_running, self._is_due = self._is_due, False
            return self._is_running
