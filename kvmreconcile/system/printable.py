"""Write text so that a terminal, a log or a journal shows all of it and obeys none of it."""

import unicodedata

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of what a terminal obeys, reorders or cannot draw."""


def visible(text: str) -> str:
    """Return the text on one line, with every character that is not plainly drawn written as an escape."""
    return "".join(escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def escaped(character: str) -> str:
    """Return a character as a backslash escape."""
    return character.encode("unicode_escape").decode("ascii")
