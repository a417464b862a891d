"""Count the edits between two words, to distinguish a typo from a different word."""

from collections.abc import Collection

EDITS = 2
"""Maximum number of edits between a word and its typo."""


def is_similar(word: str, known: Collection[str]) -> bool:
    """Return whether a word may be a typo of a known word, ignoring case."""
    return any(distance(word.lower(), each.lower(), EDITS) <= EDITS for each in known)


def distance(one: str, two: str, most: int) -> int:
    """
    Return the minimum number of edits that turn one word into another.

    An edit inserts, deletes or replaces a letter, or swaps two adjacent letters.

    Args:
        most: Maximum distance to compute. For larger distances, any larger number is returned.

    Source: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance, the optimal string alignment
    distance.
    """
    if abs(len(one) - len(two)) > most:
        return most + 1
    above: list[int] = []
    row = list(range(len(two) + 1))
    for i, letter in enumerate(one, 1):
        higher, above, row = above, row, [i]
        for j, other in enumerate(two, 1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (two[j - 2], other):
                best = min(best, higher[j - 2] + 1)
            row.append(best)
    return row[-1]
