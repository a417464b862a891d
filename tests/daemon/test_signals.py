"""No stop signal is missed, regardless of the thread to which the kernel delivers it."""

import os
import signal
import threading
from collections.abc import Callable

import pytest

from kvmreconcile.daemon.signals import ENDED, RELOAD, catch_signals

WAYS: dict[str, Callable[[], object]] = {
    "to the process": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "to another thread": lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM),
}


@pytest.mark.parametrize("send", WAYS.values(), ids=WAYS)
def test_signal_ends_the_wait(send: Callable[[], object]) -> None:
    with catch_signals() as signal_socket:
        sender = threading.Thread(target=send)
        sender.start()

        assert signal_socket.wait() == signal.SIGTERM
        sender.join()


def test_signal_before_the_wait_ends_it() -> None:
    with catch_signals() as signal_socket:
        signal.raise_signal(signal.SIGINT)

        assert signal_socket.wait() == signal.SIGINT


def test_end_of_a_thread_ends_the_wait() -> None:
    with catch_signals() as signal_socket:
        signal_socket.send(ENDED)

        assert signal_socket.wait() == ENDED


def test_reload_signal_is_returned_before_stop_signal() -> None:
    with catch_signals() as signal_socket:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)

        assert [signal_socket.wait(), signal_socket.wait()] == [RELOAD, signal.SIGTERM]


def test_second_signal_ends_the_process() -> None:
    with catch_signals() as signal_socket:
        signal.raise_signal(signal.SIGTERM)
        signal_socket.wait()

        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_signal_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    with catch_signals():
        pass

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
