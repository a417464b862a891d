"""
Edits that are tried: what they are known by, what is wanted while one is taken back, and the way back itself.

Separate from comparing, which does not know that what it is given is an earlier spec. The way back is what the spec
said before, not the definition that it led to: it is gone by the same rules as any edit, as gently, and it holds no
secret. Secret values are those that the spec says now at the same place; where it says none, there is no way back.
Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from kvmreconcile.model import Action, Actual, Applied, Desired, Key, Power, Probation, Reason, Refusal, World
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.gates.refused_edits import refusals
from kvmreconcile.plan.gates.windows import at_any_time
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import revealed
from kvmreconcile.tree import Rules


@dataclass(frozen=True, slots=True)
class Probations:
    """
    The edits of a world that matter.

    Attributes:
        tried: Objects of which it is not known yet whether they do their work with an edit.
        failed: Objects whose spec says an edit that was taken back, and why it was.
        back: What is wanted of those instead.
        refused: Objects of which libvirt refused a part that is not to be tried now; what is wanted of them
            meanwhile is in `back` as well.
        over: Objects of which an edit is remembered, and their specs say something else now.
    """

    tried: frozenset[Key] = frozenset()
    failed: Mapping[Key, str] = field(default_factory=dict)
    back: Mapping[Key, Desired] = field(default_factory=dict)
    refused: Mapping[Key, tuple[Refusal, ...]] = field(default_factory=dict)
    over: frozenset[Key] = frozenset()


def probations(world: World, kinds: Mapping[str, Rulebook]) -> Probations:
    """Sort the edits that are remembered by what follows from them."""
    tried, over, failed, back = set[Key](), set[Key](), dict[Key, str](), dict[Key, Desired]()
    for key, trial in world.probations.items():
        desired = world.desired.get(key)
        if desired is None or key.kind not in kinds:
            continue
        before = _back(trial, desired, kinds[key.kind].rules)
        if not is_same(trial, desired, kinds[key.kind]) or before is None:
            over.add(key)
        elif trial.failed:
            failed[key], back[key] = trial.failed, before
        else:
            tried.add(key)
    held = {key: (refused, wanted) for key, refused, wanted in refusals(world, kinds, back)}
    back |= {key: wanted for key, (_, wanted) in held.items()}
    refused = {key: parts for key, (parts, _) in held.items()}
    return Probations(frozenset(tried), failed, back, refused, frozenset(over))


def is_same(trial: Probation, desired: Desired, kind: Rulebook) -> bool:
    """Tell whether it is this edit that a spec says, and still wants to be taken back."""
    return desired.policy.rollback and trial.edit == edition(desired, kind)


def is_taken_back(key: Key, world: World, kinds: Mapping[str, Rulebook]) -> bool:
    """Tell whether an object's spec says an edit with which it did not do its work."""
    trial = world.probations.get(key)
    return trial is not None and bool(trial.failed) and is_same(trial, world.desired[key], kinds[key.kind])


def edition(desired: Desired, kind: Rulebook) -> str:
    """Return a short name of all that a spec says of an object and of how it shows that it does its work."""
    said = f"{digest(desired, kind.rules)} {desired.policy.ready}"
    return sha256(said.encode()).hexdigest()[:16]


def begin(
    desired: Desired, seen: Actual, known: Applied, before: Probation | None, kind: Rulebook
) -> Probation | None:
    """
    Return what is remembered before a spec's edit is made, None if it is not tried.

    Args:
        seen: The object before the edit.
        known: What was last asked for.
        before: The last edit, if it was not shown to be good: the way back is from there.
    """
    is_tried = (
        desired.policy.rollback
        and desired.power is Power.RUNNING
        and seen.active
        and seen.state_reason is None
    )
    if not is_tried or (before is None and not (known.complete and known.digest)):
        return None
    if before is None:
        before = Probation("", known.tree, seen.autostart)
    trial = replace(before, edit=edition(desired, kind), failed="")
    return trial if _back(trial, desired, kind.rules) else None


def taking_back(steps: Sequence[Action]) -> tuple[Action, ...]:
    """Return the steps on an object whose edit was taken back, with those told from others that do it."""
    return tuple(replace(a, reason=Reason.ROLLBACK) if a.reason is Reason.EDIT else a for a in steps)


def _back(trial: Probation, desired: Desired, rules: Rules) -> Desired | None:
    """Return what is wanted while an edit is taken back, which was allowed and waits for nothing; None if unknown."""
    tree = revealed(trial.tree, desired.tree, rules, "")
    if tree is None:
        return None
    return replace(desired, tree=tree, autostart=trial.autostart, policy=at_any_time(desired.policy))
