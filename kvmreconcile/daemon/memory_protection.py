"""Keep the daemon's memory, which holds the secrets of specs, from every other process of its user."""

import ctypes

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """
    Have no core dumped of this process, and nobody but root read its memory and environment (prctl(2)).

    LimitCORE= in the unit disables core dumps, but does not keep a process of the same user from attaching.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
