"""Convert sizes in changes to bytes, so that both values are shown in the same unit."""

from kvmreconcile.model import Action
from kvmreconcile.tree import Change, Measure, Node, Rules, locate

LIBVIRTS_UNIT = "KiB"
"""libvirt's default unit of sizes. A few elements have another default."""


def sizes_of(change: Change, rules: Rules, action: Action | None = None) -> tuple[int | None, int | None]:
    """
    Return the old and the new size of a change in bytes.

    Both are None if a value is not a size, is secret or has an unknown unit.

    Args:
        action: The step that makes the change, which determines the unit; None for a stored change.
    """
    old, new = (_bytes(change, value, rules, action) for value in (change.old, change.new))
    is_whole = all(
        value is None or size is not None for value, size in ((change.old, old), (change.new, new))
    )
    return (old, new) if is_whole else (None, None)


def _bytes(change: Change, value: str | Node | None, rules: Rules, action: Action | None) -> int | None:
    measure = rules.measures.get(change.rule)
    if measure is None or not isinstance(value, str) or rules.is_secret(change.rule):
        return None
    unit = _unit(change, measure, action, rules, is_old=value is change.old) if action else None
    # Values that are already stored were written by libvirt, in its default unit.
    unit = unit or (measure.default if measure.default == LIBVIRTS_UNIT else None)
    return measure.bytes(value, unit) if unit else None


def _unit(change: Change, measure: Measure, action: Action, rules: Rules, *, is_old: bool) -> str | None:
    """Return the unit of a size in a definition, or None if it is unknown."""
    if action.tree is None or change.steps[: len(action.steps)] != action.steps:
        return None
    beside = next((c for c in action.changes if c.steps == (*change.steps, measure.unit)), None)
    if beside and is_old:
        return beside.old if isinstance(beside.old, str) else measure.default
    element = None if action.steps else locate(action.tree, change.steps, rules)
    return element.attr(measure.unit.removeprefix("@")) if element else None
