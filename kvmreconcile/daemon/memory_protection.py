"""Protect the daemon's memory, which contains secrets from specs, from other processes of the same user."""

import ctypes

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """
    Disable core dumps of this process, and let only root read its memory and environment (prctl(2)).

    LimitCORE= in the unit also disables core dumps, but does not keep a process of the same user from attaching to this
    process.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
