"""Find the part of a spec that can be applied, and the parts of the object to leave unchanged."""

from dataclasses import replace

from kvmreconcile.model import Actual, Applied, Apply, Desired
from kvmreconcile.plan.compare.ambiguous import Certain, without_ambiguous
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.compare.refused_parts import keep_refused_parts
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node, Rules
from kvmreconcile.tree.variants import for_policy, for_secrets


def earlier_tree(applied: Applied | None, named: str) -> Node | None:
    """Return the tree of the last applied spec; None if its digest is `named` or there is none."""
    return applied.tree if applied and applied.digest != named else None


def in_force(desired: Desired, actual: Actual, before: Node | None, kind: Rulebook) -> Certain:
    """
    Return the part of a spec that can be applied now. The rest of the spec is held.

    Parts of the object that must not change have their actual values in the result.

    Args:
        before: The tree of the earlier spec, None if it is the same as now.
    """
    return without_ambiguous(
        with_kept_parts(desired, actual, kind, before), actual, before, rules_for(desired, kind)
    )


def with_kept_parts(desired: Desired, actual: Actual, kind: Rulebook, before: Node | None = None) -> Desired:
    """
    Return a desired object with the actual values of the parts that must not change.

    Args:
        before: The tree of the earlier spec, None if it is the same as now.
    """
    kept = desired
    if kind.relocation:
        kept = replace(desired, tree=kind.relocation.keep_sources(desired, actual, before))
    return keep_refused_parts(kept, actual, rules_for(desired, kind))


def proposal(desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook) -> Node:
    """Return the actual definition of an object of ours, overlaid with its spec."""
    return in_force(desired, actual, earlier_tree(applied, digest(desired, kind.rules)), kind).proposed


def rules_for(desired: Desired, kind: Rulebook) -> Rules:
    """Return the rules of a kind, adapted to an object's policy."""
    policy = desired.policy
    return for_policy(
        for_secrets(kind.rules, policy.all_secrets),
        plain=desired.creation.plain,
        shared=policy.apply is Apply.MERGE,
        ignored=policy.ignore,
        interrupts=policy.live.interrupts,
    )
