"""
Record edits that libvirt refused to apply, and hold these edits for some time.

The changes that revert an edit are recorded before the edit is stored, and kept until the edit is
effective. They are therefore known after a kill at any moment. Pure.
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
"""Shortest and longest time for which an edit is held after a refusal that may be temporary."""
_LASTING = (
    "fix the spec, or fix the cause of libvirt's error and approve this plan to retry the edit; "
    "the edit is also retried after an update of libvirt or QEMU"
)
_PASSING = (
    "fix the cause of libvirt's error; a later pass retries the edit, or approve this plan to retry it now"
)


def digest_of_edit(desired: Desired, kind: Rulebook) -> str:
    """Return a digest of an object's spec and the options that control how libvirt applies it."""
    policy = desired.policy
    how = (policy.live.interrupts, policy.check_schema, policy.live.copies)
    return sha256(f"{digest(replace(desired, refused_parts=None), kind.rules)} {how}".encode()).hexdigest()[
        :16
    ]


def find_refusals(
    world: World, kinds: Mapping[str, Rulebook], instead: Mapping[Key, Desired]
) -> Iterator[tuple[Key, tuple[Refusal, ...], Desired]]:
    """
    Yield each object with refused parts, the parts that are still held, and its interim spec.

    Args:
        instead: Desired definitions that replace the specs of some objects.
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
    """
    Return whether a refused part is still held.

    The hold ends early if the clock was set back.
    """
    return refusal.until is None or now < refusal.until <= now + _LONGEST


def _refused_parts(edit: StoredEdit, refused: Sequence[Refusal]) -> RefusedParts:
    parts = tuple(dict.fromkeys(part for refusal in refused for part in refusal.parts))
    elements = [refusal.within for refusal in refused if refusal.within]
    undo_ = tuple(c for c in edit.changes if any(overlap(c.steps, part) for part in parts))
    beside = (c for c in edit.changes if c not in undo_ and any(c.steps[: len(e)] == e for e in elements))
    return RefusedParts(parts, undo_, (*beside, *edit.filled))


def hold_refused(steps: Sequence[Action], refused: Sequence[Refusal]) -> Iterator[Held]:
    """Yield the steps that would repeat a refused edit as held, each with libvirt's error."""
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
    Return the record of an edit after libvirt refused a part, for the first time or again.

    Args:
        software: The versions of libvirt and QEMU. The edit is retried when they change.
        now: The time of the refusal if the refusal may be temporary; None if it is permanent.
    """
    before = next((r for r in edit.refused if r.parts == refusal.parts), None)
    tries = before.tries + 1 if before else 1
    until = now + min(_FIRST * 2 ** min(tries - 1, 20), _LONGEST) if now else None
    others = tuple(r for r in edit.refused if r is not before)
    return replace(edit, refused=(*others, replace(refusal, tries=tries, until=until)), software=software)


@dataclass(frozen=True, slots=True)
class Storing:
    """
    The replacement of an existing object's stored definition.

    Attributes:
        seen: The object before the replacement.
    """

    desired: Desired
    seen: Actual
    kind: Rulebook

    def before(self, edit: StoredEdit | None, proposed: Node) -> StoredEdit:
        """
        Return the record to keep before the definition is stored.

        It contains all changes that may have to be reverted.
        """
        known = edit or StoredEdit("")
        name = digest_of_edit(self.desired, self.kind)
        if known.edit != name:
            known = replace(known, edit=name, refused=(), software="")
        changes = (*self._since(known, proposed), *known.changes)
        return replace(known, changes=tuple(dict.fromkeys(changes)))

    def after(self, edit: StoredEdit, now: Node) -> StoredEdit:
        """
        Return the record after the definition was stored.

        Args:
            now: The definition as libvirt stored it.
        """
        changes = tuple(self._since(edit, now))
        asked = [c.steps for c in edit.changes]
        filled = tuple(c for c in changes if not any(overlap(c.steps, steps) for steps in asked))
        return replace(edit, changes=tuple(c for c in changes if c not in filled), filled=filled)

    def _since(self, edit: StoredEdit, tree: Node) -> Iterator[Change]:
        """Yield our changes from the last effective definition to `tree`."""
        rules = for_secrets(self.kind.rules, self.desired.policy.all_secrets)
        stored, live = self.seen.tree, self.seen.live
        sources = (live, self.desired.tree) if live else (self.desired.tree,)
        changes = (*edit.changes, *edit.filled)
        known = (reveal_change(change, stored, sources, rules) for change in changes)
        origin = undo(stored, filter(None, known), rules)
        return (mask_change(change, rules) for change in diff(origin, tree, rules))


def still_refused(edit: StoredEdit, desired: Desired) -> StoredEdit:
    """Return the record of an edit after its allowed steps succeeded, with refused parts only."""
    parts = desired.refused_parts.parts if desired.refused_parts else ()
    refused = tuple(r for r in edit.refused if set(r.parts) <= set(parts))
    return replace(edit, refused=refused, software=edit.software if refused else "")


def is_in_force(desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook) -> bool:
    """
    Return whether all stored changes are effective in the running object.

    The record of its edit is then no longer needed. Returns True for a kind without a lifecycle, and
    False for any other inactive object.
    """
    if not kind.has_lifecycle:
        return True
    rules = rules_for(desired, kind)
    if not actual.active or (applied and still_pending(applied, actual, rules)):
        return False
    known = {s.fingerprint for s in applied.settled} if applied else set()
    waiting = live_changes(with_kept_parts(desired, actual, kind), actual, rules)
    return all(live_mark(change) in known for change in waiting)


def is_over(key: Key, world: World, kind: Rulebook) -> bool:
    """Return whether the recorded edit of an object has become effective without a step."""
    desired, actual = world.desired[key], world.observed.actual(key)
    return actual is not None and is_in_force(desired, actual, world.applied.get(key), kind)
