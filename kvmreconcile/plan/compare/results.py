"""Compare one object with its spec, or return the cached result if no input has changed."""

from collections.abc import Iterator
from dataclasses import replace

from kvmreconcile.model import (
    Actual,
    Applied,
    Apply,
    Desired,
    Held,
    Hold,
    OwnershipMark,
    Reason,
    Surroundings,
)
from kvmreconcile.plan.compare.cache import CachedResult, Lookups, View, find_cached, store_result
from kvmreconcile.plan.compare.compare import Compared, compare, steps_to_create
from kvmreconcile.plan.compare.completion import after_edit, with_completion
from kvmreconcile.plan.compare.in_force import rules_for
from kvmreconcile.plan.compare.ownership import placeholder
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import mask
from kvmreconcile.tree import Effect
from kvmreconcile.tree.scalars import uuid as spelled

_SET = "set the disk's current source in the spec"
_COPIED = (
    f"{_SET}; or, if the spec names a volume, start the guest if it is off: the disk is copied "
    "to this volume once no other block job runs"
)
_BACK = f"{_SET}, or move the disk back by a block copy while the guest runs"


def result_for(view: View, context: PlanContext) -> CachedResult:
    """Return the result of comparing an object with its spec, from the cache if possible."""
    world, kind = context.world, context.kinds[view.desired.key.kind]
    memo = find_cached(view, kind, world, context.cache)
    if memo is None:
        lookups = Lookups(world)
        compared = _compare(view, lookups, kind)
        withheld = (*_strayed(view, lookups, kind), *_unclear(view, compared))
        memo = CachedResult(view, kind, world.instance, lookups.asked, compared, withheld)
        store_result(memo, context.cache)
    return memo


def _compare(view: View, lookups: Lookups, kind: Rulebook) -> Compared:
    desired, actual, applied = view.desired, view.actual, view.applied
    around = _surroundings(desired, actual, lookups)
    if actual is None:
        if applied and not applied.complete and view.hidden:
            return _recreate(view, applied, kind, around)
        reason = Reason.NEW if applied is None else Reason.DRIFT if applied.complete else Reason.UNFINISHED
        made = steps_to_create(desired, kind, around, reason)
        return made if applied and applied.complete else with_completion(made, desired, kind)
    if applied and not applied.complete:
        if not kind.redefines_whole:
            return _recreate(view, applied, kind, around)
        known = applied if kind.completing else None
        return with_completion(compare(desired, actual, known, kind, around), desired, kind)
    if desired.policy.apply is Apply.CREATE_ONLY and applied:
        return Compared()
    return after_edit(compare(desired, actual, applied, kind, around), desired, kind)


def _recreate(view: View, applied: Applied, kind: Rulebook, around: Surroundings) -> Compared:
    """
    Return the steps that recreate an object whose creation was interrupted.

    The interrupted run may have been about to replace an older object, and that object may still
    exist. If the spec has changed since, an approval of that run does not count, and the steps are
    data loss.
    """
    compared = steps_to_create(view.desired, kind, around, Reason.UNFINISHED)
    if applied.tree == mask(view.desired.tree, rules_for(view.desired, kind)):
        return compared
    return Compared(tuple(replace(a, effect=Effect.DATA_LOSS) for a in compared.actions))


def _surroundings(desired: Desired, actual: Actual | None, lookups: Lookups) -> Surroundings:
    uuid = spelled(desired.tree.get("uuid") or (actual.uuid if actual else "") or desired.creation.uuid)
    ownership_mark = OwnershipMark(lookups.world.instance, str(desired.key), uuid)
    return Surroundings(uuid, ownership_mark, desired.creation.plain, lookups.lookup)


def _strayed(view: View, lookups: Lookups, kind: Rulebook) -> Iterator[Held]:
    """
    Yield the holds of disks whose current source differs from the spec.

    These disks are not changed, since data that was written to the current source would be lost.
    """
    desired, actual = view.desired, view.actual
    if actual is None or kind.relocation is None or desired.policy.apply is Apply.CREATE_ONLY:
        return
    before = view.applied.tree if view.applied else None
    release = _COPIED if desired.policy.live.copies else _BACK
    for source in kind.relocation.find_diverged(desired, actual, before, lookups.lookup):
        detail = (
            f"{source.part} uses {source.current}, whose backing chain does not contain {source.wanted}; "
            "the disk is not changed"
        )
        yield Held(placeholder(desired), Hold.STRAYED, detail, release)


def _unclear(view: View, compared: Compared) -> Iterator[Held]:
    """Yield the holds of lists whose members cannot be matched reliably."""
    for each in compared.unclear:
        yield Held(placeholder(view.desired), Hold.AMBIGUOUS, each.detail, each.release)
