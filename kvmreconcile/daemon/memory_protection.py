"""Protect the daemon's memory, which contains the secrets of specs, from other processes of its user."""

import ctypes

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """
    Disable core dumps of this process, and let only root read its memory and environment (prctl(2)).

    LimitCORE= in the unit disables core dumps, but does not keep a process of the same user from attaching.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
