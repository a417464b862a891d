"""
Identify edits in probation, and compute the spec that a rollback applies.

A rollback applies the earlier spec, not the earlier definition, so it follows the same rules as any
edit. The record of the earlier spec contains no secrets. Secret values are taken from the same path
of the present spec. If the present spec has no value at that path, no rollback is possible. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from kvmreconcile.model import Action, Actual, Applied, Desired, Key, Power, Probation, Reason, Refusal, World
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.gates.refused_edits import find_refusals
from kvmreconcile.plan.gates.windows import without_windows
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import revealed
from kvmreconcile.tree import Rules


@dataclass(frozen=True, slots=True)
class Probations:
    """
    The recorded edits that a plan depends on.

    Attributes:
        on_probation: Objects with an edit that has not yet passed its readiness check.
        failed: By object with an edit that was rolled back, the reason of the rollback.
        interim: What to apply to the objects in `failed` and `refused` in place of their specs.
        refused: By object, the parts that libvirt refused to change and that are not retried now.
        over: Objects with a recorded edit that their spec no longer contains, or that cannot be
            rolled back.
    """

    on_probation: frozenset[Key] = frozenset()
    failed: Mapping[Key, str] = field(default_factory=dict)
    interim: Mapping[Key, Desired] = field(default_factory=dict)
    refused: Mapping[Key, tuple[Refusal, ...]] = field(default_factory=dict)
    over: frozenset[Key] = frozenset()


def find_probations(world: World, kinds: Mapping[str, Rulebook]) -> Probations:
    """Classify the recorded edits of all objects."""
    on_probation, over, failed, interim = set[Key](), set[Key](), dict[Key, str](), dict[Key, Desired]()
    for key, probation in world.probations.items():
        desired = world.desired.get(key)
        if desired is None or key.kind not in kinds:
            continue
        before = _back(probation, desired, kinds[key.kind].rules)
        if not is_same_edit(probation, desired, kinds[key.kind]) or before is None:
            over.add(key)
        elif probation.failed:
            failed[key], interim[key] = probation.failed, before
        else:
            on_probation.add(key)
    held = {key: (refused, wanted) for key, refused, wanted in find_refusals(world, kinds, interim)}
    interim |= {key: wanted for key, (_, wanted) in held.items()}
    refused = {key: parts for key, (parts, _) in held.items()}
    return Probations(frozenset(on_probation), failed, interim, refused, frozenset(over))


def is_same_edit(probation: Probation, desired: Desired, kind: Rulebook) -> bool:
    """Return whether a spec still contains the edit in probation and still enables rollback."""
    return desired.policy.lifecycle.rollback and probation.edit == digest_with_readiness(desired, kind)


def is_rolled_back(key: Key, world: World, kinds: Mapping[str, Rulebook]) -> bool:
    """Return whether an object's spec contains an edit that was rolled back."""
    probation = world.probations.get(key)
    return (
        probation is not None
        and bool(probation.failed)
        and is_same_edit(probation, world.desired[key], kinds[key.kind])
    )


def digest_with_readiness(desired: Desired, kind: Rulebook) -> str:
    """Return a digest of an object's spec, including its readiness probe."""
    said = f"{digest(desired, kind.rules)} {desired.policy.lifecycle.ready}"
    return sha256(said.encode()).hexdigest()[:16]


def begin_probation(
    desired: Desired, seen: Actual, known: Applied, before: Probation | None, kind: Rulebook
) -> Probation | None:
    """
    Return the record to store before an edit is applied, or None if no rollback would follow.

    Args:
        seen: The object before the edit.
        known: The record of the last applied spec.
        before: The previous edit, if it is still in probation. A rollback then applies the spec
            from before the previous edit.
    """
    needs_probation = (
        desired.policy.lifecycle.rollback
        and desired.power is Power.RUNNING
        and seen.active
        and seen.state_reason is None
    )
    if not needs_probation or (before is None and not (known.complete and known.digest)):
        return None
    if before is None:
        before = Probation("", known.tree, seen.autostart)
    probation = replace(before, edit=digest_with_readiness(desired, kind), failed="")
    return probation if _back(probation, desired, kind.rules) else None


def mark_rollback(steps: Sequence[Action]) -> tuple[Action, ...]:
    """Return the steps that roll an object back, with ROLLBACK in place of EDIT as their reason."""
    return tuple(replace(a, reason=Reason.ROLLBACK) if a.reason is Reason.EDIT else a for a in steps)


def _back(probation: Probation, desired: Desired, rules: Rules) -> Desired | None:
    """
    Return the desired object for a rollback, without maintenance windows.

    Returns None if a secret value of the earlier spec is not known any more.
    """
    tree = revealed(probation.tree, desired.tree, rules, "")
    if tree is None:
        return None
    return replace(desired, tree=tree, autostart=probation.autostart, policy=without_windows(desired.policy))
