"""
A kind's rules, adapted to a libvirt version, to an object's policy, to a running or to a new object.

Separate from the rules themselves, which say what holds in general. Variants are cached, since tables remember
their look-ups and a fresh one would have to find everything again.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from kvmreconcile.tree.rules import Members, Owner, Rules
from kvmreconcile.tree.table import Table, paths


@lru_cache(maxsize=256)
def for_policy(
    rules: Rules, *, plain: bool, shared: bool, ignored: tuple[str, ...], interrupts: bool = True
) -> Rules:
    """
    Return rules adapted to one object's policy.

    Args:
        plain: Whether new members are given only what libvirt itself gives them.
        shared: Whether no list counts as complete, so that nothing is removed from one.
        ignored: Further paths that are left as they are.
        interrupts: Whether parts of a running object may be gone for a moment.
    """
    members = {
        k: replace(m, owner=Owner.SHARED) if m.owner is Owner.SPEC else m for k, m in rules.members.rows
    }
    more = [pattern for path in ignored for pattern in (path, f"{path}/**")]
    actions = {path: tuple(u for u in rows if not u.interrupts) for path, rows in rules.actions.rows}
    return replace(
        rules,
        actions=rules.actions if interrupts else Table(actions),
        births=Table({}) if plain else rules.births,
        members=Table(members) if shared else rules.members,
        ignored=paths(*(key for key, _ in rules.ignored.rows), *more) if ignored else rules.ignored,
    )


@lru_cache(maxsize=256)
def for_secrets(rules: Rules, secrets: tuple[str, ...]) -> Rules:
    """
    Return rules with further paths at and below which values are secret.

    Values that identify members of lists are excepted: plans refer to parts of an object by them.
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
    """Return rules without the verbs that a libvirt of this version lacks, and without what it no longer refuses."""
    actions = {path: tuple(u for u in rows if u.since <= version) for path, rows in rules.actions.rows}
    lacking = {path: tuple(u for u in rows if version < u.until) for path, rows in rules.unsupported.rows}
    return replace(rules, actions=Table(actions), unsupported=Table(lacking))


@lru_cache(maxsize=256)
def for_running(rules: Rules) -> Rules:
    """
    Return rules for a running definition.

    It is compared and never stored, so that nothing in it gets stale, and its sizes are those of the start.
    """
    measures = {path: measure.at_start() for path, measure in rules.measures.rows}
    return replace(rules, resets=Table({}), measures=Table(measures))


@lru_cache(maxsize=256)
def for_new(rules: Rules) -> Rules:
    """Return rules for a new object or member: it says all that its spec does, even what leaving out would imply."""
    return replace(rules, implied=Table({}), at_birth=paths())


@lru_cache(maxsize=256)
def for_whole(rules: Rules) -> Rules:
    """
    Return rules for two trees of which each names all members of its lists: two specs, or two definitions.

    What is left on both sides after matching by keys is then left of the same list.
    """
    rows = {k: replace(m, owner=Owner.SPEC) for k, m in rules.members.rows if _is_open(m)}
    return (
        replace(rules, members=Table({k: rows.get(k, m) for k, m in rules.members.rows})) if rows else rules
    )


def _is_open(members: Members) -> bool:
    return members.owner is Owner.SHARED and bool(members.fallback or members.advice)


@lru_cache(maxsize=256)
def for_twins(rules: Rules) -> Rules:
    """
    Return rules by which members of a running and of a stored definition of one object are matched.

    A value that libvirt may give to the next member, such as a disk's target, identifies none that has another name.
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
