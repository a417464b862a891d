"""
Adapt a kind's rules to a libvirt version, an object's policy, a running or a new object.

Variants are cached, since tables cache their lookups.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from kvmreconcile.tree.rows import Members, Owner
from kvmreconcile.tree.rules import Rules
from kvmreconcile.tree.table import Table, paths


@lru_cache(maxsize=256)
def for_policy(
    rules: Rules, *, plain: bool, shared: bool, ignored: tuple[str, ...], interrupts: bool = True
) -> Rules:
    """
    Return rules adapted to one object's policy.

    Args:
        plain: Whether new members get libvirt's defaults only.
        shared: Whether no list counts as complete, so that no member is removed.
        ignored: Further paths that are ignored.
        interrupts: Whether parts of a running object may be removed for a moment.
    """
    members = {
        k: replace(m, owner=Owner.SHARED) if m.owner is Owner.SPEC else m for k, m in rules.members.rows
    }
    more = [pattern for path in ignored for pattern in (path, f"{path}/**")]
    actions = {path: tuple(u for u in rows if not u.interrupts) for path, rows in rules.actions.rows}
    return replace(
        rules,
        actions=rules.actions if interrupts else Table(actions),
        creation_defaults=Table({}) if plain else rules.creation_defaults,
        members=Table(members) if shared else rules.members,
        ignored=paths(*(key for key, _ in rules.ignored.rows), *more) if ignored else rules.ignored,
    )


@lru_cache(maxsize=256)
def for_secrets(rules: Rules, secrets: tuple[str, ...]) -> Rules:
    """
    Return rules with further paths at and below which values are secret.

    Values that identify members of lists are not secret: plans name parts of an object by them.
    """
    if not secrets:
        return rules
    rows: dict[str, bool] = dict(rules.secrets.rows)
    rows |= {path: False for path in key_paths(rules) if path not in rows}
    named = [each for path in secrets for each in (path, *_copies(path, rules))]
    rows |= {pattern: True for path in named for pattern in (path, f"{path}/**") if not rows.get(pattern)}
    return replace(rules, secrets=Table(rows))


@lru_cache(maxsize=256)
def for_secrets_alone(rules: Rules, secrets: tuple[str, ...]) -> Rules:
    """Return rules with only the given paths at and below which values are secret."""
    return for_secrets(replace(rules, secrets=paths()), secrets)


def _copies(path: str, rules: Rules) -> Iterator[str]:
    """Yield the other paths at which libvirt writes the value of a path."""
    for source, copy in rules.copies.rows:
        if f"{path}/".startswith(f"{source}/"):
            yield copy + path[len(source) :]


@lru_cache(maxsize=256)
def key_paths(rules: Rules) -> tuple[str, ...]:
    """Return the paths of the values that identify and name members of lists."""
    return tuple(
        dict.fromkeys(
            f"{path}/{part}" if part else path
            for path, members in rules.members.rows
            for key in members.keys
            for part in key
        )
    )


@lru_cache(maxsize=256)
def for_version(rules: Rules, version: tuple[int, int, int]) -> Rules:
    """Return rules without the verbs that this libvirt version lacks, and without restrictions that it no longer has."""
    actions = {path: tuple(u for u in rows if u.since <= version) for path, rows in rules.actions.rows}
    lacking = {path: tuple(u for u in rows if version < u.until) for path, rows in rules.unsupported.rows}
    return replace(rules, actions=Table(actions), unsupported=Table(lacking))


@lru_cache(maxsize=256)
def for_running(rules: Rules) -> Rules:
    """
    Return rules for a running definition.

    It is compared and never stored, so that no derived values are dropped; its sizes are rounded as at the start.
    """
    measures = {path: measure.at_start() for path, measure in rules.measures.rows}
    return replace(rules, resets=Table({}), measures=Table(measures))


@lru_cache(maxsize=256)
def for_new(rules: Rules) -> Rules:
    """Return rules for a new object or member: all of its spec is written, even values that are implied."""
    return replace(rules, implied=Table({}), at_creation=paths())


@lru_cache(maxsize=256)
def for_whole(rules: Rules) -> Rules:
    """
    Return rules for two trees with complete lists: two specs, or two definitions.

    Members that are left on both sides after matching by keys can then be matched with each other.
    """
    rows = {k: replace(m, owner=Owner.SPEC) for k, m in rules.members.rows if _is_open(m)}
    return (
        replace(rules, members=Table({k: rows.get(k, m) for k, m in rules.members.rows})) if rows else rules
    )


def _is_open(members: Members) -> bool:
    return members.owner is Owner.SHARED and bool(members.fallback or members.advice)


@lru_cache(maxsize=256)
def for_counterparts(rules: Rules) -> Rules:
    """
    Return rules for matching members of the running and the stored definition of one object.

    A value that libvirt may reuse for another member, such as a disk's target, does not match members of different names.
    """
    whole = for_whole(rules)
    rows = {
        k: replace(
            m,
            hints=(*m.running, *m.hints),
            fallback=tuple(key for key in m.fallback if key not in m.keys),
        )
        for k, m in whole.members.rows
    }
    ignored = paths(*(key for key, _ in (*rules.ignored.rows, *rules.invisible.rows)))
    return replace(whole, members=Table(rows), ignored=ignored)
