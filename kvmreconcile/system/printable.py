"""Escape control characters, so that terminals, logs and the journal do not interpret them."""

import unicodedata

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories of characters that a terminal interprets, reorders or cannot draw."""


def visible(text: str) -> str:
    """Return the text on one line, with unprintable characters escaped."""
    return "".join(escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def escaped(character: str) -> str:
    """Return a character as a backslash escape."""
    return character.encode("unicode_escape").decode("ascii")
