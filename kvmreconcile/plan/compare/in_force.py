"""Read from a spec what can be in force of it, with what must stay as it is."""

from dataclasses import replace

from kvmreconcile.model import Actual, Applied, Apply, Desired
from kvmreconcile.plan.compare.ambiguous import Certain, without_ambiguous
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.compare.refused_parts import keep_refused_parts
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node, Rules
from kvmreconcile.tree.variants import for_policy, for_secrets


def earlier_tree(applied: Applied | None, named: str) -> Node | None:
    """Return what an earlier spec said, None if one of this digest says the same and so has nothing to forget."""
    return applied.tree if applied and applied.digest != named else None


def in_force(desired: Desired, actual: Actual, before: Node | None, kind: Rulebook) -> Certain:
    """Return what of a spec can be in force, with what must stay as it is; the rest is held."""
    return without_ambiguous(
        with_kept_parts(desired, actual, kind, before), actual, before, rules_for(desired, kind)
    )


def with_kept_parts(desired: Desired, actual: Actual, kind: Rulebook, before: Node | None = None) -> Desired:
    """Return what is wanted, with what must stay as it is; `before` is what an earlier spec said."""
    kept = desired
    if kind.relocation:
        kept = replace(desired, tree=kind.relocation.keep_sources(desired, actual, before))
    return keep_refused_parts(kept, actual, rules_for(desired, kind))


def proposal(desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook) -> Node:
    """Return the definition that an object of ours is to have: the one it has, with what its spec says of it."""
    return in_force(desired, actual, earlier_tree(applied, digest(desired, kind.rules)), kind).proposed


def rules_for(desired: Desired, kind: Rulebook) -> Rules:
    """Return a kind's rules, adapted to the object's own policy."""
    policy = desired.policy
    return for_policy(
        for_secrets(kind.rules, policy.all_secrets),
        plain=desired.creation.plain,
        shared=policy.apply is Apply.MERGE,
        ignored=policy.ignore,
        interrupts=policy.live.interrupts,
    )
