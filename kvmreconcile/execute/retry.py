"""
Try again what fails for a moment, and ask again for what has not come yet.

Separate so that time is in one value, which tests replace. Whether an error passes is the error's own
attribute; what lasts longer than it may here is the business of the next pass.
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
    How time passes and how often to try.

    Attributes:
        clock: Returns seconds that never go back.
        waits_s: How long to wait before each further try.
        look_again_s: How long to wait before asking again for what has not come yet.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    waits_s: tuple[float, ...] = (0.2, 1.0, 3.0)
    look_again_s: float = 0.5


REAL_TIME = Pace(time.monotonic, time.sleep)


def attempt(call: Callable[[], T], is_alive: Callable[[], bool], pace: Pace) -> T:
    """
    Call until it succeeds, fails with an error that does not pass, or fails once more than there are waits.

    Args:
        is_alive: Asked after a failure; once it says no, trying again is in vain.

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


def patiently(call: Callable[[], T], is_over: Callable[[], bool], pace: Pace, delay_s: float = 0.0) -> T:
    """
    Call until what it waits for has come.

    Args:
        delay_s: How long not to call at all.
        is_over: Asked after each call; once it says yes, nobody waits any more.

    Raises:
        NotYet: It has not come in time, or nobody waits any more.
        HostError: Whatever else goes wrong, at once.
    """
    left_s = delay_s
    while left_s > 0 and not is_over():
        pace.sleep(min(left_s, pace.look_again_s))
        left_s -= pace.look_again_s
    began_s = pace.clock()
    while True:
        try:
            return call()
        except NotYet as error:
            if pace.clock() - began_s >= error.patience_s or is_over():
                raise
            pace.sleep(pace.look_again_s)


def shortage(failure: KvmReconcileError) -> Shortage | None:
    """Return how much room must be where for what has failed to be worth another try; None where that is not known."""
    if isinstance(failure, NoRoom) and failure.pool:
        return Shortage(Key.read(failure.pool), failure.needed)
    return None
