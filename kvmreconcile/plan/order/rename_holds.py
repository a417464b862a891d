"""Find the reasons why an object cannot be renamed now, each with advice. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from kvmreconcile.model import (
    Actual,
    Hold,
    HoldReason,
    Key,
    Manual,
    ManualCommands,
    StateReason,
    World,
    domain_word,
)
from kvmreconcile.plan.compare.objects import ONCE_IDLE
from kvmreconcile.plan.gates.suspended import find_suspension
from kvmreconcile.plan.order.identities import Claim

Met = Mapping[Key, Claim]
"""The objects that share a claim with an object, each with one shared claim."""


_RESUMED = ("resume it and shut it down", Manual.SHUT_DOWN)
_OFF: Mapping[StateReason | None, tuple[str, Manual]] = {
    StateReason.PAUSED: _RESUMED,
    StateReason.IO_ERROR: _RESUMED,
    StateReason.WATCHDOG: _RESUMED,
    StateReason.PANIC: ("power it off", Manual.POWER_OFF),
}
"""How to stop an active guest, by its state reason. Other guests are shut down."""


def obstacle_to(key: Key, former: Key, seen: Actual, world: World) -> HoldReason | None:
    """
    Return the hold of a renamed spec whose object cannot be renamed now, or None.

    Args:
        key: The new name, from the spec.
        former: The present name of the object.
        seen: The object as observed.
    """
    if not world.complete or world.frozen:
        why = f"{key} may be {former} under a new name, but "
        why += "a spec has errors, cannot be read or is still being written, or a state record cannot be read"
        todo = "fix the reported errors, or finish writing the file; until then nothing is renamed"
        return HoldReason(Hold.INCOMPLETE, why, todo)
    known = _recorded_name(seen)
    if known != key and world.provenance.leaves_out(known):
        source = world.provenance.source_of(known)
        why = f"{key} may be {former} under a new name, but "
        why += f"the source of {former} was not read, or only in part ({source})"
        edit = f"change the resources in the spec of {key} that both claim"
        todo = f"apply with --prune confirm to include {former}; or {edit}"
        return HoldReason(Hold.RENAME, why, todo)
    if unread := world.unread.get(former):
        why = f"{key} may be {former} under a new name; {former}: {unread.why}"
        return HoldReason(Hold.UNREAD, why, unread.todo)
    if stopped := find_suspension(former, world):
        return replace(stopped, detail=f"under its present name {former}, {stopped.detail}")
    return HoldReason(Hold.BUSY, seen.job, ONCE_IDLE) if seen.job else None


def _recorded_name(seen: Actual) -> Key:
    """
    Return the name in an object's ownership mark.

    Another tool may have renamed the object since.
    """
    mark = seen.ownership_mark
    return Key.read(mark.key) if mark and mark.uuid == seen.uuid else seen.key


def find_running_hold(key: Key, former: Key, seen: Actual, commands: ManualCommands) -> HoldReason | None:
    """
    Return the hold of an object that libvirt cannot rename in its present state, or None.

    virDomainRename requires that the guest is off and has no managed save.
    """
    back = f'set the name back to "{former.name}" in its spec'
    if seen.active:
        how, manual = _OFF.get(seen.state_reason, ("shut it down", Manual.SHUT_DOWN))
        todo = commands.after(f"{back}; or {how}", manual, domain_word(former.name, seen.uuid))
        why = f"{former} is renamed to {key}; libvirt can rename it only while it is off"
        return HoldReason(Hold.RENAME, why, todo)
    if seen.saved:
        why = f"{former} is renamed to {key}, and has a managed save; libvirt can rename it only without one"
        discard = f"{back}; or start it and shut it down; or discard the managed save"
        todo = commands.after(discard, Manual.DISCARD_SAVE, domain_word(former.name, seen.uuid))
        return HoldReason(Hold.RENAME, why, todo)
    return None


def hold_ambiguous(key: Key, owners: Met, rivals: Mapping[Key, set[Key]]) -> HoldReason:
    """Return the hold of a new spec that may be the new name of any of several existing objects."""
    others = sorted({*owners, *(each for owner in owners for each in rivals[owner])} - {key})
    what = ", ".join(sorted({str(claim) for claim in owners.values()}))
    names = " and ".join(map(str, others))
    why = f"{key} and {names} share claims ({what}), so it is ambiguous which object was renamed"
    todo = f"rename one object at a time, or change these values in the spec of {key}"
    return HoldReason(Hold.RENAME, why, todo)


def hold_claimed_by(owner: Key, claim: Claim) -> HoldReason:
    """Return the hold of an object that claims a resource that another object still has."""
    todo = f"wait until {owner} no longer has the {claim}"
    return HoldReason(Hold.CLAIM, f"{owner} still has the {claim}", todo)
