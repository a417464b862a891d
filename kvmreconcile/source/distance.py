"""Count the edits between two words, to tell a typing error from another word."""

from collections.abc import Collection

EDITS = 2
"""With how many edits a word may still be meant as another one."""


def is_similar(word: str, known: Collection[str]) -> bool:
    """Tell whether a word may be meant as a known one; upper and lower case are the same."""
    return any(distance(word.lower(), each.lower(), EDITS) <= EDITS for each in known)


def distance(one: str, two: str, most: int) -> int:
    """
    Return how many letters must be inserted, deleted, replaced or swapped with the next one to get from word to word.

    Args:
        most: What is more than this is only known to be more.

    Source: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance, the optimal string alignment distance.
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
