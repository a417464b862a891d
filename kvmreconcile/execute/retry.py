"""
Retry calls that fail temporarily, and poll until a condition is met.

Whether an error is temporary is an attribute of its class. An error that outlasts the retries is left to the next pass.
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
    A clock, and the intervals of retries.

    Attributes:
        clock: Returns seconds of a monotonic clock.
        waits_s: Seconds to wait before each retry.
        poll_s: Seconds to wait before polling again.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    waits_s: tuple[float, ...] = (0.2, 1.0, 3.0)
    poll_s: float = 0.5


REAL_TIME = Pace(time.monotonic, time.sleep)


def attempt(call: Callable[[], T], is_alive: Callable[[], bool], pace: Pace) -> T:
    """
    Call until the call succeeds, raises an error that is not temporary, or has been retried after every wait.

    Args:
        is_alive: Called after a failure; if it returns False, the call is not retried.

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
    Call until the call no longer raises NotYet.

    Args:
        is_over: Called after each call; if it returns True, polling ends.
        delay_s: Seconds before the first call.

    Raises:
        NotYet: The time is over, or `is_over` returned True.
        HostError: Any other error of the call, at once.
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
    """Return how much free space a failed step needs, and in which pool; None if that is unknown."""
    if isinstance(failure, NoRoom) and failure.pool:
        return Shortage(Key.read(failure.pool), failure.needed)
    return None
