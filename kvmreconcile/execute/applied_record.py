"""Compute the state record of an object before and after its steps."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Actual, Applied, Desired
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.plan.compare.applied import (
    applied_after,
    applied_before_creation,
    started_step,
    without_edit,
)
from kvmreconcile.plan.compare.digests import fingerprint
from kvmreconcile.plan.compare.in_force import rules_for
from kvmreconcile.plan.compare.pauses import stays_off
from kvmreconcile.plan.compare.pending import still_pending, to_remember
from kvmreconcile.plan.compare.refused_parts import with_refused_parts
from kvmreconcile.plan.compare.settled import Run, find_settled_live
from kvmreconcile.plan.secrets.masks import mask
from kvmreconcile.tree import Change, overlay
from kvmreconcile.tree.variants import for_policy


@dataclass(frozen=True, slots=True)
class AppliedRecord:
    """
    Computes the state records of one object.

    Attributes:
        desired: The object as its spec describes it.
        instance: The name of this instance of kvmreconcile.
        known: The record in the state now, or None.
        before: The record in the state when the plan was made, or None.
    """

    desired: Desired
    kind: Kind
    instance: str
    known: Applied | None
    before: Applied | None

    def before_creation(self, actual: Actual | None) -> Applied:
        """
        Return the record to store before the object is created.

        Args:
            actual: The object as observed for the plan; None if it is absent or could not be
                observed.
        """
        meant = self._intent()
        return replace(meant, uuid=actual.uuid if actual else meant.uuid)

    def before_step(self, action: Action, actual: Actual | None, deferred: Iterable[Change]) -> Applied:
        """
        Return the record to store before a step on the object begins.

        Args:
            actual: The object as observed for the plan; None if it is absent or could not be
                observed.
            deferred: The changes that the step stores but does not make effective.
        """
        meant, known = self._intent(), self.known
        if known is None:
            record = replace(meant, uuid=actual.uuid if actual else meant.uuid, complete=True, digest="")
        elif action.verb.is_ordered:
            # The step stores no definition, and a held edit is not applied yet.
            record = replace(known, digest="")
        else:
            # If the step is interrupted and the spec then changes, the state still records that
            # kvmreconcile made the step's additions.
            both = for_policy(self.kind.rules, plain=True, shared=True, ignored=())
            tree = mask(overlay(meant.tree, known.tree, both), rules_for(self.desired, self.kind))
            record = replace(known, tree=tree, digest="", secrets=meant.secrets)
        record = replace(record, begun=started_step(action.reason, meant.digest))
        if any(change.rule in self.kind.incomplete_after for change in action.changes):
            # If the process is killed before the object's start, the next pass completes the
            # object like a newly created one.
            record = replace(record, complete=False)
        if action.verb == DEFINE and actual:
            pending = to_remember(deferred, self.desired, actual, self.kind)
            record = replace(record, runtime_id=actual.runtime_id, pending=pending)
        return record

    def after_steps(self, actual: Actual, held: Collection[Action], run: Run) -> Applied:
        """
        Return the record of the object after all its steps.

        Args:
            actual: The object as it is now.
            held: Held actions on the object. A value that differs from the spec because its action
                is held is not recorded as kept by libvirt.
            run: Whether the object was started, or restored from saved memory, since it was
                observed for the plan.
        """
        desired, kind, known = self.desired, self.kind, self.known
        applied = applied_after(desired, actual, kind, self.instance, self.before)
        differing = {fingerprint(change) for action in held for change in action.changes}
        running = find_settled_live(desired, actual, run, self.before, kind)
        settled = (
            s for s in (*applied.settled, *running) if s.fingerprint.removeprefix("live:") not in differing
        )
        return replace(
            applied,
            tree=with_refused_parts(applied.tree, known.tree, desired, kind.rules) if known else applied.tree,
            complete=not kind.completing or actual.active or known is None or known.complete,
            settled=tuple(settled),
            pending=still_pending(known, actual, rules_for(desired, kind)) if known else (),
            left=stays_off(desired, actual, self.before),
        )

    def after_steps_unobserved(self, held: Collection[Action]) -> Applied:
        """
        Return the record of the object after all its steps if the object cannot be observed now.

        Args:
            held: Held actions on the object.
        """
        meant = self._intent()
        known = self.known or meant
        applied = replace(
            meant,
            tree=with_refused_parts(meant.tree, known.tree, self.desired, self.kind.rules),
            uuid=known.uuid,
            complete=True,
            settled=known.settled,
            runtime_id=known.runtime_id,
            pending=known.pending,
        )
        return self.without_held_edits(applied, held)

    def without_held_edits(self, applied: Applied, held: Collection[Action]) -> Applied:
        """Return the record without the edits that are not stored because they are held."""
        edits = [action for action in held if action.verb.edits and action.tree]
        if self.before is None or not edits:
            return applied
        return without_edit(applied, self.before)

    def reported_fingerprints(self) -> set[str]:
        """
        Return the fingerprints of the differences from the spec that were already reported.

        These are values that libvirt keeps different from the spec, according to the records.
        """
        return {s.fingerprint for each in (self.before, self.known) if each for s in each.settled}

    def _intent(self) -> Applied:
        return applied_before_creation(self.desired, self.instance, self.kind)
