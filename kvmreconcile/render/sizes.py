"""Read the sizes that changes are about, in bytes, so that both values of a change are shown in one unit."""

from kvmreconcile.model import Action
from kvmreconcile.tree import Change, Measure, Node, Rules, locate

LIBVIRTS_UNIT = "KiB"
"""The unit in which libvirt writes every size that is not of the few with a default of their own."""


def sizes_of(change: Change, rules: Rules, action: Action | None = None) -> tuple[int | None, int | None]:
    """Return the old and the new size of a change in bytes, None for what is no size, is secret or is of unknown unit."""
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
    # What is stored already, libvirt has written.
    unit = unit or (measure.default if measure.default == LIBVIRTS_UNIT else None)
    return measure.bytes(value, unit) if unit else None


def _unit(change: Change, measure: Measure, action: Action, rules: Rules, *, is_old: bool) -> str | None:
    """Return the unit in which a size of a definition counts, None if that is not known."""
    if action.tree is None or change.steps[: len(action.steps)] != action.steps:
        return None
    beside = next((c for c in action.changes if c.steps == (*change.steps, measure.unit)), None)
    if beside and is_old:
        return beside.old if isinstance(beside.old, str) else measure.default
    element = None if action.steps else locate(action.tree, change.steps, rules)
    return element.attr(measure.unit.removeprefix("@")) if element else None
