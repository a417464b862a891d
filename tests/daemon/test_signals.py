"""No signal to stop is missed, whichever thread the kernel hands it to."""

import os
import signal
import threading
from collections.abc import Callable

import pytest

from kvmreconcile.daemon.signals import ENDED, RELOAD, signals

WAYS: dict[str, Callable[[], object]] = {
    "to the process": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "to another thread": lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM),
}


@pytest.mark.parametrize("send", WAYS.values(), ids=WAYS)
def test_signal_ends_the_wait(send: Callable[[], object]) -> None:
    with signals() as told:
        sender = threading.Thread(target=send)
        sender.start()

        assert told.wait() == signal.SIGTERM
        sender.join()


def test_signal_that_came_before_the_wait_ends_it() -> None:
    with signals() as told:
        signal.raise_signal(signal.SIGINT)

        assert told.wait() == signal.SIGINT


def test_thread_that_ends_by_itself_ends_the_wait() -> None:
    with signals() as told:
        told.ring(ENDED)

        assert told.wait() == ENDED


def test_signal_to_look_does_not_end_the_next_wait() -> None:
    with signals() as told:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)

        assert [told.wait(), told.wait()] == [RELOAD, signal.SIGTERM]


def test_second_signal_ends_the_process() -> None:
    with signals() as told:
        signal.raise_signal(signal.SIGTERM)
        told.wait()

        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_afterwards_all_is_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    with signals():
        pass

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
