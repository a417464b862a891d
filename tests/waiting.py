"""Wait for a condition, however loaded the machine is. Separate from the tests, nearly all of which wait for something."""

import time
from collections.abc import Callable

WITHIN_S = 120.0
_PAUSE_S = 0.05


def wait_until(is_so: Callable[[], object], what: str = "it", within_s: float = WITHIN_S) -> None:
    """Ask again and again until it is so; AssertionError if it is not in time."""
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        time.sleep(_PAUSE_S)
