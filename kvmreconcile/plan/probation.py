"""
Manage edits in probation: how one is identified, and what its rollback restores.

A rollback applies the earlier spec, not the earlier definition: it follows the same rules as any edit, and its record
holds no secret. Secret values are taken from the same path of the present spec; if it has none there, no rollback is
possible. Pure.
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
        on_probation: Objects that are not yet known to be ready after an edit.
        failed: Objects whose spec contains an edit that was rolled back, and the reason of the rollback.
        interim: The desired definitions of those and of objects in `refused`, in place of their specs.
        refused: Objects with a part that libvirt refused and that is not tried again now.
        over: Objects with a recorded edit whose specs have changed since.
    """

    on_probation: frozenset[Key] = frozenset()
    failed: Mapping[Key, str] = field(default_factory=dict)
    interim: Mapping[Key, Desired] = field(default_factory=dict)
    refused: Mapping[Key, tuple[Refusal, ...]] = field(default_factory=dict)
    over: frozenset[Key] = frozenset()


def find_probations(world: World, kinds: Mapping[str, Rulebook]) -> Probations:
    """Classify the recorded edits."""
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
    """Return whether a spec still contains this edit and still asks for its rollback."""
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
    """Return a digest of all that a spec says of an object, its readiness probe included."""
    said = f"{digest(desired, kind.rules)} {desired.policy.lifecycle.ready}"
    return sha256(said.encode()).hexdigest()[:16]


def begin_probation(
    desired: Desired, seen: Actual, known: Applied, before: Probation | None, kind: Rulebook
) -> Probation | None:
    """
    Return the record to store before an edit is made, or None if the edit needs no probation.

    Args:
        seen: The object before the edit.
        known: The last applied spec.
        before: The last edit, if it is still in probation: a rollback restores the spec before it.
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
    """Return the steps on an object whose edit is rolled back, with the rollback as their reason."""
    return tuple(replace(a, reason=Reason.ROLLBACK) if a.reason is Reason.EDIT else a for a in steps)


def _back(probation: Probation, desired: Desired, rules: Rules) -> Desired | None:
    """Return the desired object during a rollback, which needs no approval and no window; None if unknown."""
    tree = revealed(probation.tree, desired.tree, rules, "")
    if tree is None:
        return None
    return replace(desired, tree=tree, autostart=probation.autostart, policy=without_windows(desired.policy))
