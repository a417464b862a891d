"""Render the objects that are not considered because they come from other sources of specs."""

from collections.abc import Iterator, Mapping, Sequence

from kvmreconcile.system.printable import visible

_NAMED = 3
"""Number of objects that are listed."""


def not_considered(elsewhere: Mapping[str, Sequence[object]]) -> Iterator[str]:
    """Yield a line about objects that are not considered, by the names of their sources; none if there are none."""
    keys = [str(key) for found in elsewhere.values() for key in found]
    if not keys:
        return
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    which = f"{', '.join(keys[:_NAMED])}{more}, from {'; '.join(elsewhere)}"
    what, whose = f"{len(keys)} objects of other sources are", "their"
    if len(keys) == 1:
        what, whose = "1 object of another source is", "its"
    todo = f"plan and apply include {whose} removal with --prune confirm"
    yield visible(f"{what} not considered ({which}); {todo}.")
