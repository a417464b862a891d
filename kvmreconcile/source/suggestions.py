"""Suggest a known word for a misspelled one."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_LONGEST = 64
_MOST = 20


def nearest(word: str, known: Iterable[str]) -> str | None:
    """
    Return the known word that is most similar to a misspelled word.

    Returns None if no known word is similar.
    """
    if len(word) > _LONGEST:
        return None
    by_letters = {_letters(k): k for k in sorted(known, reverse=True)}
    found = get_close_matches(_letters(word), by_letters, n=1, cutoff=0.6)
    return by_letters[found[0]] if found else None


def advice(word: str, known: Iterable[str]) -> str:
    """
    Return advice about an unknown word.

    The advice is a similar known word, or, if there is none, a list of the known words. Returns ""
    if there are no known words.
    """
    known = tuple(known)
    found = nearest(word, known)
    if found is not None:
        return f"did you mean '{found}'?"
    return f"available: {join_words(known)}" if known else ""


def join_words(words: Sequence[str]) -> str:
    """Return words as one line, up to a maximum number of words."""
    rest = len(words) - _MOST
    return ", ".join(words[:_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _letters(word: str) -> str:
    """Return a word without case, dashes and underscores, which are most often mistyped."""
    return word.replace("-", "").replace("_", "").casefold()
