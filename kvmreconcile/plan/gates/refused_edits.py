"""
Record edits that libvirt refused to apply, and hold them for a time.

The changes that revert an edit are recorded before it is stored, and kept until it is effective, so that they are known
after a kill at any moment. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from kvmreconcile.model import (
    Action,
    Actual,
    Applied,
    Desired,
    Held,
    Hold,
    Key,
    Refusal,
    RefusedParts,
    StoredEdit,
    World,
)
from kvmreconcile.plan.compare.digests import digest, live_mark
from kvmreconcile.plan.compare.in_force import rules_for, with_kept_parts
from kvmreconcile.plan.compare.live import live_changes
from kvmreconcile.plan.compare.pending import still_pending
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import mask_change, reveal_change
from kvmreconcile.tree import Change, Node, diff, overlap, undo
from kvmreconcile.tree.variants import for_secrets

_FIRST, _LONGEST = timedelta(seconds=5), timedelta(hours=1)
"""Shortest and longest time for which a refusal that may be temporary is held."""
_LASTING = (
    "correct the spec, or correct what libvirt reports and approve this plan to try it again; it is also tried again "
    "after an update of libvirt or QEMU"
)
_PASSING = "correct what libvirt reports; a later pass tries it again, or approve this plan to try it at once"


def digest_of_edit(desired: Desired, kind: Rulebook) -> str:
    """Return a digest of an object's spec and of the ways in which it may be applied."""
    policy = desired.policy
    how = (policy.live.interrupts, policy.check_schema, policy.live.copies)
    return sha256(f"{digest(replace(desired, refused_parts=None), kind.rules)} {how}".encode()).hexdigest()[
        :16
    ]


def find_refusals(
    world: World, kinds: Mapping[str, Rulebook], instead: Mapping[Key, Desired]
) -> Iterator[tuple[Key, tuple[Refusal, ...], Desired]]:
    """
    Yield the objects with a refused part that is still held, and their desired definition until then.

    Args:
        instead: Desired definitions that replace the specs of objects.
    """
    for key, edit in world.edits.items():
        desired = instead.get(key) or world.desired.get(key)
        if desired is None or key.kind not in kinds or edit.edit != digest_of_edit(desired, kinds[key.kind]):
            continue
        is_other = edit.software and world.software and edit.software != world.software
        still = () if is_other else tuple(r for r in edit.refused if _is_held(r, world.now))
        if still:
            yield key, still, replace(desired, refused_parts=_refused_parts(edit, still))


def _is_held(refusal: Refusal, now: datetime) -> bool:
    """Return whether a refused part is still held. If the clock was set back, it is not held for long."""
    return refusal.until is None or now < refusal.until <= now + _LONGEST


def _refused_parts(edit: StoredEdit, refused: Sequence[Refusal]) -> RefusedParts:
    parts = tuple(dict.fromkeys(part for refusal in refused for part in refusal.parts))
    elements = [refusal.within for refusal in refused if refusal.within]
    undo_ = tuple(c for c in edit.changes if any(overlap(c.steps, part) for part in parts))
    beside = (c for c in edit.changes if c not in undo_ and any(c.steps[: len(e)] == e for e in elements))
    return RefusedParts(parts, undo_, (*beside, *edit.filled))


def hold_refused(steps: Sequence[Action], refused: Sequence[Refusal]) -> Iterator[Held]:
    """Yield the steps that would repeat a refused edit, each with the reason of the refusal."""
    for action in steps:
        about = [r for r in refused if _is_about(r, action)] or refused
        untils = [r.until for r in about if r.until]
        is_lasting = len(untils) < len(about)
        detail = "; ".join(dict.fromkeys(r.why for r in about))
        yield Held(
            action,
            Hold.REFUSED,
            detail,
            _LASTING if is_lasting else _PASSING,
            None if is_lasting else min(untils),
        )


def _is_about(refusal: Refusal, action: Action) -> bool:
    return any(overlap(change.steps, part) for change in action.changes for part in refusal.parts)


def add_refusal(edit: StoredEdit, refusal: Refusal, software: str, now: datetime | None) -> StoredEdit:
    """
    Return the record of an edit after a part of it was refused, for the first time or again.

    Args:
        now: The time of a refusal that may be temporary; None if it is permanent.
    """
    before = next((r for r in edit.refused if r.parts == refusal.parts), None)
    tries = before.tries + 1 if before else 1
    until = now + min(_FIRST * 2 ** min(tries - 1, 20), _LONGEST) if now else None
    others = tuple(r for r in edit.refused if r is not before)
    return replace(edit, refused=(*others, replace(refusal, tries=tries, until=until)), software=software)


@dataclass(frozen=True, slots=True)
class Storing:
    """
    A definition that replaces that of an existing object.

    Attributes:
        seen: The object before the replacement.
    """

    desired: Desired
    seen: Actual
    kind: Rulebook

    def before(self, edit: StoredEdit | None, proposed: Node) -> StoredEdit:
        """Return the record before the definition is stored: all changes that may have to be reverted, done or not."""
        known = edit or StoredEdit("")
        name = digest_of_edit(self.desired, self.kind)
        if known.edit != name:
            known = replace(known, edit=name, refused=(), software="")
        changes = (*self._since(known, proposed), *known.changes)
        return replace(known, changes=tuple(dict.fromkeys(changes)))

    def after(self, edit: StoredEdit, now: Node) -> StoredEdit:
        """Return the record after the definition is stored, with the changes that libvirt made to it."""
        changes = tuple(self._since(edit, now))
        asked = [c.steps for c in edit.changes]
        filled = tuple(c for c in changes if not any(overlap(c.steps, steps) for steps in asked))
        return replace(edit, changes=tuple(c for c in changes if c not in filled), filled=filled)

    def _since(self, edit: StoredEdit, tree: Node) -> Iterator[Change]:
        """Yield the changes from the last effective definition to this one, without those made by other tools."""
        rules = for_secrets(self.kind.rules, self.desired.policy.all_secrets)
        stored, live = self.seen.tree, self.seen.live
        sources = (live, self.desired.tree) if live else (self.desired.tree,)
        changes = (*edit.changes, *edit.filled)
        known = (reveal_change(change, stored, sources, rules) for change in changes)
        origin = undo(stored, filter(None, known), rules)
        return (mask_change(change, rules) for change in diff(origin, tree, rules))


def still_refused(edit: StoredEdit, desired: Desired) -> StoredEdit:
    """Return what is remembered of an edit once all that was allowed of it is done."""
    parts = desired.refused_parts.parts if desired.refused_parts else ()
    refused = tuple(r for r in edit.refused if set(r.parts) <= set(parts))
    return replace(edit, refused=refused, software=edit.software if refused else "")


def is_in_force(desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook) -> bool:
    """Return whether a running object has everything that is stored, so that nothing has to be reverted any more."""
    if not kind.has_lifecycle:
        return True
    rules = rules_for(desired, kind)
    if not actual.active or (applied and still_pending(applied, actual, rules)):
        return False
    known = {s.fingerprint for s in applied.settled} if applied else set()
    waiting = live_changes(with_kept_parts(desired, actual, kind), actual, rules)
    return all(live_mark(change) in known for change in waiting)


def is_over(key: Key, world: World, kind: Rulebook) -> bool:
    """Return whether a recorded edit has become effective without a step."""
    desired, actual = world.desired[key], world.observed.actual(key)
    return actual is not None and is_in_force(desired, actual, world.applied.get(key), kind)
