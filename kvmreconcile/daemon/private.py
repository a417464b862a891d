"""Keep the daemon's memory, which holds the secrets of specs, from every other process of its user."""

import ctypes

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """
    Have no core dumped of this process, and nobody but root read its memory and environment (prctl(2)).

    Beside LimitCORE= of the unit, which does not hold for whoever attaches to the process.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
