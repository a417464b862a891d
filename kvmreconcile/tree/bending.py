"""
Rules as a situation bends them: a host, one object's policy, a running object, an object made anew.

Separate from the rules themselves, which say what holds in general. Bent rules are remembered, since looking
up in fresh tables would cost more than all else.
"""

from dataclasses import replace
from functools import lru_cache

from kvmreconcile.tree.rules import Owner, Rules
from kvmreconcile.tree.table import Table, paths


@lru_cache(maxsize=256)
def variant(
    rules: Rules, *, plain: bool, shared: bool, ignored: tuple[str, ...], interrupts: bool = True
) -> Rules:
    """
    Return rules as one object's policy bends them.

    Args:
        plain: New members are given only what libvirt itself gives them.
        shared: No list is complete, so nothing is removed from one.
        ignored: More paths that are left as they are.
        interrupts: Parts of a running object may be gone for a moment.
    """
    members = {
        k: replace(m, owner=Owner.SHARED) if m.owner is Owner.SPEC else m for k, m in rules.members.rows
    }
    more = [pattern for path in ignored for pattern in (path, f"{path}/**")]
    updates = {path: tuple(u for u in rows if not u.interrupts) for path, rows in rules.updates.rows}
    return replace(
        rules,
        updates=rules.updates if interrupts else Table(updates),
        births=Table({}) if plain else rules.births,
        members=Table(members) if shared else rules.members,
        ignored=paths(*(key for key, _ in rules.ignored.rows), *more) if ignored else rules.ignored,
    )


@lru_cache(maxsize=256)
def served(rules: Rules, version: tuple[int, int, int]) -> Rules:
    """Return rules as a libvirt of this version serves them, without the verbs for which it is too old."""
    updates = {path: tuple(u for u in rows if u.since <= version) for path, rows in rules.updates.rows}
    return replace(rules, updates=Table(updates))


@lru_cache(maxsize=256)
def running(rules: Rules) -> Rules:
    """Return rules for a running object, which is compared and never defined, so that nothing in it gets stale."""
    return replace(rules, resets=Table({}))


@lru_cache(maxsize=256)
def outspoken(rules: Rules) -> Rules:
    """Return rules for what is made anew, of which all is said that the spec says: libvirt may imply otherwise."""
    return replace(rules, implied=Table({}), at_birth=paths())
