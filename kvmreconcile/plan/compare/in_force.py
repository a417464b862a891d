"""Find the part of a spec that can be applied, with the parts of the object that are not changed."""

from dataclasses import replace

from kvmreconcile.model import Actual, Applied, Apply, Desired
from kvmreconcile.plan.compare.ambiguous import Certain, without_ambiguous
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.compare.refused_parts import keep_refused_parts
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node, Rules
from kvmreconcile.tree.variants import for_policy, for_secrets


def earlier_tree(applied: Applied | None, named: str) -> Node | None:
    """Return the tree of an earlier spec, or None if it has the same digest, so that there is nothing to remove."""
    return applied.tree if applied and applied.digest != named else None


def in_force(desired: Desired, actual: Actual, before: Node | None, kind: Rulebook) -> Certain:
    """Return the part of a spec that can be applied, with the parts that are not changed; the rest is held."""
    return without_ambiguous(
        with_kept_parts(desired, actual, kind, before), actual, before, rules_for(desired, kind)
    )


def with_kept_parts(desired: Desired, actual: Actual, kind: Rulebook, before: Node | None = None) -> Desired:
    """Return the desired tree with the parts that are not changed; `before` is the tree of an earlier spec."""
    kept = desired
    if kind.relocation:
        kept = replace(desired, tree=kind.relocation.keep_sources(desired, actual, before))
    return keep_refused_parts(kept, actual, rules_for(desired, kind))


def proposal(desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook) -> Node:
    """Return the definition that an object of ours should have: its actual one, overlaid with its spec."""
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
