"""
Retry calls that fail temporarily, and poll until a condition is met.

An attribute of each error class says whether the error is temporary. If all retries fail, the next
pass tries again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kvmreconcile.errors import HostError, KvmReconcileError, NoRoom, NotYet
from kvmreconcile.model import Key, Shortage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """
    A clock and the intervals of retries.

    Attributes:
        clock: Returns the seconds of a monotonic clock.
        sleep: Waits for a number of seconds.
        waits_s: Seconds to wait before each retry.
        poll_s: Seconds to wait before each further poll.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    waits_s: tuple[float, ...] = (0.2, 1.0, 3.0)
    poll_s: float = 0.5


REAL_TIME = Pace(time.monotonic, time.sleep)


def attempt(call: Callable[[], T], is_alive: Callable[[], bool], pace: Pace) -> T:
    """
    Retry a call until it succeeds, fails permanently, or has used up the retries.

    Args:
        is_alive: Called after a temporary failure; the call is not retried if this returns False.

    Raises:
        HostError: The last failure.
    """
    for wait_s in pace.waits_s:
        try:
            return call()
        except HostError as error:
            if not error.retry or not is_alive():
                raise
            pace.sleep(wait_s)
    return call()


def poll(call: Callable[[], T], is_over: Callable[[], bool], pace: Pace, delay_s: float = 0.0) -> T:
    """
    Repeat a call until it no longer raises NotYet.

    Args:
        is_over: Returns whether to stop polling. The call is made at least once in any case.
        delay_s: Seconds to wait before the first call.

    Raises:
        NotYet: The error's time has passed, or `is_over` returned True.
        HostError: The call raised another error, which is raised at once.
    """
    left_s = delay_s
    while left_s > 0 and not is_over():
        pace.sleep(min(left_s, pace.poll_s))
        left_s -= pace.poll_s
    began_s = pace.clock()
    while True:
        try:
            return call()
        except NotYet as error:
            if pace.clock() - began_s >= error.patience_s or is_over():
                raise
            pace.sleep(pace.poll_s)


def shortage(failure: KvmReconcileError) -> Shortage | None:
    """Return how much free space a failed step needs and in which pool, or None if unknown."""
    if isinstance(failure, NoRoom) and failure.pool:
        return Shortage(Key.read(failure.pool), failure.needed)
    return None
