"""
A cache that keeps what was made of a text for as long as the text is seen again.

Separate from trees, which are what is made. A cache of fixed size would be too small for a large host, and on a
small one would fill with what is long gone; this one keeps what two looks in a row needed.
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
        """Return what is made of a text."""
        recent, before = self._recent, self._before
        if text in recent:
            return recent[text]
        made = before[text] if text in before else self._make(text)
        recent[text] = made
        self._size += len(text)
        if self._size > self._most:
            self.turn()
        return made

    def turn(self) -> None:
        """Begin another generation, and drop what the last one did not need."""
        self._before, self._recent, self._size = self._recent, {}, 0

    def __len__(self) -> int:
        return len({*self._recent, *self._before})
