"""Render the objects that a plan leaves out because their specs come from other sources."""

from collections.abc import Iterator, Mapping, Sequence

from kvmreconcile.system.printable import visible

_NAMED = 3
"""Maximum number of objects that a line lists."""


def not_considered(elsewhere: Mapping[str, Sequence[object]]) -> Iterator[str]:
    """
    Yield a line about the objects that a plan leaves out, or nothing if there are none.

    Args:
        elsewhere: The objects by the name of their source.
    """
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
