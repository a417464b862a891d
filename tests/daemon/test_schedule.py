"""Periodic jobs that take longer than their interval."""

import time
from threading import Event, Lock

import pytest

from kvmreconcile.daemon.schedule import Schedule
from tests.waiting import wait_until


class Slow:
    """A job that runs until `finish` is set, and counts its runs."""

    def __init__(self) -> None:
        self.runs = self.most_at_once = 0
        self.finish = Event()
        self._running, self._lock = 0, Lock()

    def __call__(self) -> None:
        with self._lock:
            self.runs += 1
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        self.finish.wait(10)
        with self._lock:
            self._running -= 1


@pytest.mark.case("40")
def test_run_that_is_due_while_the_job_runs_is_skipped_without_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Slow()
    with Schedule() as schedule:
        schedule.every(0.02, job)
        wait_until(lambda: job.runs)
        time.sleep(0.3)
        runs = job.runs
        job.finish.set()
        wait_until(lambda: job.runs > 2)

    assert (runs, job.most_at_once) == (1, 1)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("apscheduler")] == []


def test_job_requested_while_it_is_running_runs_once_more() -> None:
    job = Slow()
    with Schedule() as schedule:
        at_once = schedule.every(3600, job)
        at_once()
        wait_until(lambda: job.runs)
        at_once()
        at_once()
        job.finish.set()
        wait_until(lambda: job.runs == 2)
        time.sleep(0.1)

    assert (job.runs, job.most_at_once) == (2, 1)


def test_job_that_fails_runs_again() -> None:
    runs: list[int] = []

    def fail() -> None:
        runs.append(1)
        raise ValueError

    with Schedule() as schedule:
        schedule.every(0.02, fail)
        wait_until(lambda: len(runs) > 1)
