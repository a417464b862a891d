"""
Guess what a misspelt word was meant to be.

Separate because unknown kinds, fields and values, and the commands that take names of them, all offer it.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_LONGEST = 64
_MOST = 20


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like a misspelt one, None where none is like it."""
    if len(word) > _LONGEST:
        return None
    by_letters = {_letters(k): k for k in sorted(known, reverse=True)}
    found = get_close_matches(_letters(word), by_letters, n=1, cutoff=0.6)
    return by_letters[found[0]] if found else None


def advice(word: str, known: Iterable[str]) -> str:
    """Return what to do about an unknown word: the one that is like it, or the list of those that exist, "" for none."""
    known = tuple(known)
    found = nearest(word, known)
    if found is not None:
        return f"did you mean '{found}'?"
    return f"available: {listed(known)}" if known else ""


def listed(words: Sequence[str]) -> str:
    """Return words in one line, no more of them than people read."""
    rest = len(words) - _MOST
    return ", ".join(words[:_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _letters(word: str) -> str:
    """Fold what people mix up first: case, dashes and underscores."""
    return word.replace("-", "").replace("_", "").casefold()
