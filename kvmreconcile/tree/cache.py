"""
Cache the results of a function of a text, for as long as the text is used.

A cache with a fixed number of entries would be too small for a large host, and would keep unused texts on a small one.
This cache keeps the results that the last two generations needed.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Generations(Generic[V]):
    """
    A thread-safe cache of a function's results.

    Args:
        make: The function; it returns the same result for the same text.
        most: Maximum number of characters of text in a generation; beyond that the next one begins.
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
        """Begin another generation, and drop the results that the last one did not need."""
        self._before, self._recent, self._size = self._recent, {}, 0

    def __len__(self) -> int:
        return len({*self._recent, *self._before})
