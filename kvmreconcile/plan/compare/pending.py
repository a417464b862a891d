"""
Record pending changes that a comparison of the spec with the running definition does not show.

These are changes of values that libvirt writes differently while an object runs, and removals of
values that a spec no longer sets. Pure.
"""

from collections.abc import Iterable, Iterator

from kvmreconcile.model import Actual, Applied, Desired, RememberedPending
from kvmreconcile.plan.compare.in_force import rules_for
from kvmreconcile.plan.compare.live import live_changes
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Change, Node, Rules, diff, locate
from kvmreconcile.tree.running import steps_in


def find_unobservable_pending(
    actual: Actual, applied: Applied | None, stored: Iterable[Change], rules: Rules
) -> Iterator[Change]:
    """
    Yield the pending changes of a running object that are not visible in its running definition.

    Args:
        applied: The state record. Pending changes in the record are ignored if the object was
            restarted.
        stored: The planned changes of the stored definition, without corrections of drift.
    """
    if not actual.active:
        return
    known = still_pending(applied, actual, rules) if applied else ()
    found = {u.steps: Change(u.steps, u.rule, u.was, u.now, rules.secrets) for u in known}
    for change in stored:
        if change.rule in rules.live_ignored or change.steps in found:
            was = found.get(change.steps, change).old
            found[change.steps] = Change(change.steps, change.rule, was, change.new, rules.secrets)
    yield from (c for c in found.values() if _spelled(c.old, c) != _spelled(c.new, c))


def still_pending(applied: Applied, actual: Actual, rules: Rules) -> tuple[RememberedPending, ...]:
    """
    Return the recorded changes that are still pending.

    A change becomes effective when the object is restarted, by whatever tool. A domain gets a new
    ID at each start. Networks and pools do not. Their running definition is a copy of the stored
    definition at the time of the start, so a change is effective once the two definitions agree at
    the change's path.
    """
    live = actual.live
    if live is None or applied.runtime_id != actual.runtime_id:
        return ()
    return tuple(
        u for u in applied.pending if u.rule in rules.live_ignored or _differ(u, live, actual.tree, rules)
    )


def _differ(change: RememberedPending, live: Node, stored: Node, rules: Rules) -> bool:
    own = steps_in(live, stored, change.steps, rules)
    runs, waits = _part(live, own, rules) if own else None, _part(stored, change.steps, rules)
    if runs is None or waits is None:
        return runs is not waits
    return any(diff(runs, waits, rules, change.rule))


def _part(tree: Node, steps: tuple[str, ...], rules: Rules) -> Node | None:
    """
    Return the part of a tree at a path.

    An attribute is returned as an element with its value as text.
    """
    *parents, last = steps
    if not last.startswith("@"):
        return locate(tree, steps, rules)
    parent = locate(tree, tuple(parents), rules)
    value = parent.attr(last.removeprefix("@")) if parent else None
    return None if value is None else Node(last, text=value)


def to_remember(
    waiting: Iterable[Change], desired: Desired, seen: Actual, kind: Rulebook
) -> tuple[RememberedPending, ...]:
    """
    Return the pending changes to record, which are not visible in the running definition.

    Args:
        waiting: The changes that wait for the object's next start.
        seen: The object before the changes are stored.
    """
    visible = {c.steps for c in live_changes(desired, seen, rules_for(desired, kind))}
    return tuple(
        RememberedPending(c.steps, c.rule, _spelled(c.old, c), _spelled(c.new, c))
        for c in waiting
        if c.steps not in visible
    )


def _spelled(value: str | Node | None, change: Change) -> str | None:
    if isinstance(value, Node):
        return f"<{value.tag}>"
    return SECRET if value is not None and change.is_secret else value
