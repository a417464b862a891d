"""
Cache the results of a function that takes a text, for as long as the text is used.

A cache with a fixed number of entries would be too small for a large host, and would keep unused
entries on a small host. This cache keeps the results that were used in the last two generations.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Generations(Generic[V]):
    """
    A thread-safe cache of a function's results.

    Args:
        make: The function; it must always return the same result for a text.
        most: Maximum total length of the texts in a generation; exceeding it begins the next generation.
    """

    def __init__(self, make: Callable[[str], V], most: int) -> None:
        self._make = make
        self._most = most
        self._size = 0
        self._recent: dict[str, V] = {}
        self._before: dict[str, V] = {}

    def __call__(self, text: str) -> V:
        """Return the function's result for a text."""
        recent, before = self._recent, self._before
        if text in recent:
            return recent[text]
        made = before[text] if text in before else self._make(text)
        recent[text] = made
        self._size += len(text)
        if self._size > self._most:
            self.advance()
        return made

    def advance(self) -> None:
        """Begin a new generation, and drop the results that the previous generation did not use."""
        self._before, self._recent, self._size = self._recent, {}, 0

    def __len__(self) -> int:
        return len({*self._recent, *self._before})
