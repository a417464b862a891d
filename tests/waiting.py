"""Wait for a condition, however loaded the machine is."""

import time
from collections.abc import Callable

WITHIN_S = 120.0
_PAUSE_S = 0.05


def wait_until(is_so: Callable[[], object], what: str = "it", within_s: float = WITHIN_S) -> None:
    """Poll until a condition is true; raise AssertionError after a timeout."""
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        time.sleep(_PAUSE_S)
