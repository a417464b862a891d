"""Compute the cost of removing a domain: what is shut down, deleted and kept, and what prevents the removal."""

from collections.abc import Iterator

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.model import Actual, Cost, Leftover, Removal, ShutdownPolicy
from kvmreconcile.tree import Effect, Node

_HOLDS = {
    Leftover.SNAPSHOTS: "snapshots",
    Leftover.CHECKPOINTS: "checkpoints",
    Leftover.MANAGED_SAVE: "a managed save image",
}
"""Data that prevents the removal of a domain unless its policy also allows deleting the data."""
_FATES = {
    Leftover.SNAPSHOTS: "whose metadata is also deleted",
    Leftover.CHECKPOINTS: "whose metadata is also deleted",
    Leftover.MANAGED_SAVE: "which is also deleted",
}
_LET_GO = {
    Leftover.SNAPSHOTS: ("the snapshots", "forget"),
    Leftover.CHECKPOINTS: ("the checkpoints", "forget"),
    Leftover.MANAGED_SAVE: ("the managed save image", "delete"),
}
"""The name of the data in messages, and the value of `removal` in a spec that allows deleting it."""
_LOST = frozenset({Leftover.NVRAM, Leftover.TPM, Leftover.MANAGED_SAVE})
"""Data whose loss is permanent."""


def cost(removal: Removal) -> Cost:
    """Return the cost of removing a domain."""
    actual, policy = removal.actual, removal.policy
    there = frozenset(_leftovers(actual))
    goes = policy.lifecycle.removal if actual.persistent else frozenset(_ends_with(actual.tree))
    loses = bool(there & goes & _LOST)
    notes = (
        *_shutdown(actual, policy.lifecycle.shutdown),
        *(note for section in SECTIONS if section.stays for note in section.stays(actual.tree)),
        *(f"{what} {'deleted' if rest in goes else 'kept'}" for rest, what in _files(actual.tree)),
        *(f"it has {_HOLDS[rest]}, {_FATES[rest]}" for rest in _HOLDS if rest in there & goes),
    )
    held = next((rest for rest in _HOLDS if rest in there - goes), None) if actual.persistent else None
    return Cost(
        Effect.DATA_LOSS if loses else Effect.REPLACE, notes, kept(held, actual.key.name) if held else None
    )


def kept(rest: Leftover, name: str, *, has_spec: bool = False) -> tuple[str, str]:
    """
    Return why data of a domain prevents its removal, and what to do.

    Args:
        rest: The kind of data.
        has_spec: Whether the domain still has a spec.
    """
    them, word = _LET_GO[rest]
    policy = f'"removal: {{{rest.value}: {word}}}"'
    way = (
        f"set {policy} in its spec"
        if has_spec
        else f"restore the spec of {name} with {policy}, and remove the spec again after a pass or apply"
    )
    return f"it has {_HOLDS[rest]}", f"delete {them}, or {way}"


def _leftovers(actual: Actual) -> Iterator[Leftover]:
    """Yield the kinds of data that a domain has in addition to its definition and disks."""
    yield from actual.leftovers
    yield from (rest for rest, _ in _files(actual.tree))
    if actual.saved:
        yield Leftover.MANAGED_SAVE


def _ends_with(transient: Node) -> Iterator[Leftover]:
    """
    Yield the kinds of data that libvirt deletes when a transient domain stops.

    Source: https://libvirt.org/formatdomain.html, `persistent_state`
    """
    tpms = (tpm.child("backend") or tpm for tpm in transient.all("devices/tpm"))
    if any(tpm.attr("type") == "emulator" and tpm.attr("persistent_state") != "yes" for tpm in tpms):
        yield Leftover.TPM


def _shutdown(actual: Actual, how: ShutdownPolicy) -> Iterator[str]:
    if actual.active:
        # An active guest that has a state reason is paused or crashed.
        state = "paused or crashed" if actual.state_reason else "active"
        if not how.ways:
            yield f"the guest is {state}, and is powered off without a shutdown"
            return
        timeout = f"{how.timeout_s:g} s"
        end = "it is powered off" if how.force else "the removal fails"
        asked = (
            "it cannot be asked to shut down unless it is resumed"
            if actual.state_reason
            else "it is asked to shut down"
        )
        yield f"the guest is {state}; {asked}; if it is not off after {timeout}, {end}"


def _files(domain: Node) -> Iterator[tuple[Leftover, str]]:
    """Yield the state of firmware and TPM, each with the beginning of a note about its files."""
    nvram = domain.get("os/nvram") or domain.get("os/nvram/source/@file")
    if nvram:
        yield Leftover.NVRAM, f"the variables of its firmware ({nvram}) are"
    if any(tpm.get("backend/@type") == "emulator" for tpm in domain.all("devices/tpm")):
        yield Leftover.TPM, "the state of its TPM is"
