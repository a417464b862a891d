"""Periodic jobs that take longer than their interval."""

import time
from threading import Event, Lock

import pytest

from kvmreconcile.daemon.schedule import Schedule
from tests.waiting import wait_until


class Slow:
    """A job that runs until it is let go, and counts its runs."""

    def __init__(self) -> None:
        self.began = self.most = 0
        self.go_on = Event()
        self._running, self._lock = 0, Lock()

    def __call__(self) -> None:
        with self._lock:
            self.began += 1
            self._running += 1
            self.most = max(self.most, self._running)
        self.go_on.wait(10)
        with self._lock:
            self._running -= 1


@pytest.mark.case("40")
def test_job_that_is_due_again_while_it_runs_is_left_out_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Slow()
    with Schedule() as schedule:
        schedule.every(0.02, job)
        wait_until(lambda: job.began)
        time.sleep(0.3)
        began = job.began
        job.go_on.set()
        wait_until(lambda: job.began > 2)

    assert (began, job.most) == (1, 1)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("apscheduler")] == []


def test_job_that_is_asked_for_while_it_runs_runs_once_more() -> None:
    job = Slow()
    with Schedule() as schedule:
        at_once = schedule.every(3600, job)
        at_once()
        wait_until(lambda: job.began)
        at_once()
        at_once()
        job.go_on.set()
        wait_until(lambda: job.began == 2)
        time.sleep(0.1)

    assert (job.began, job.most) == (2, 1)


def test_job_that_fails_runs_again() -> None:
    began: list[int] = []

    def fail() -> None:
        began.append(1)
        raise ValueError

    with Schedule() as schedule:
        schedule.every(0.02, fail)
        wait_until(lambda: len(began) > 1)
