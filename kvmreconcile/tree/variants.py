"""
Adapt the rules of a kind to a libvirt version, to an object's policy, or to a running or new object.

Variants are cached, because their tables cache lookups.
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
        plain: Whether new list members get only libvirt's defaults.
        shared: Whether members that are not in the spec are kept in all lists except ordered ones.
        ignored: Additional paths to ignore, with everything below them.
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
    Return rules with additional paths at and below which values are secret.

    Values that identify list members are not secret, because plans contain them in the names of parts.
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
    """Return rules in which only values at and below the given paths are secret."""
    return for_secrets(replace(rules, secrets=paths()), secrets)


def _copies(path: str, rules: Rules) -> Iterator[str]:
    """Yield the paths at which libvirt repeats the value of a path."""
    for source, copy in rules.copies.rows:
        if f"{path}/".startswith(f"{source}/"):
            yield copy + path[len(source) :]


@lru_cache(maxsize=256)
def key_paths(rules: Rules) -> tuple[str, ...]:
    """Return the paths of the values that identify list members."""
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
    """Return rules without verbs that a libvirt version lacks, and without restrictions that it lifted."""
    actions = {path: tuple(u for u in rows if u.since <= version) for path, rows in rules.actions.rows}
    lacking = {path: tuple(u for u in rows if version < u.until) for path, rows in rules.unsupported.rows}
    return replace(rules, actions=Table(actions), unsupported=Table(lacking))


@lru_cache(maxsize=256)
def for_running(rules: Rules) -> Rules:
    """
    Return rules for a running definition.

    Such a definition is only compared, so that derived values are kept. Sizes are rounded as at start.
    """
    measures = {path: measure.at_start() for path, measure in rules.measures.rows}
    return replace(rules, resets=Table({}), measures=Table(measures))


@lru_cache(maxsize=256)
def for_new(rules: Rules) -> Rules:
    """Return rules for a new object or member: all values of the spec are written, even implied values."""
    return replace(rules, implied=Table({}), at_creation=paths())


@lru_cache(maxsize=256)
def for_whole(rules: Rules) -> Rules:
    """
    Return rules for two trees with complete lists: two specs, or two definitions.

    With these rules, members that keys do not match are matched by fallback keys.
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

    A value that libvirt may reuse for another member, such as the target of a disk, does not match members
    with different names.
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
