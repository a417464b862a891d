"""
Undefine a domain, and delete its dependent data if the spec allows it.

A domain that cannot be undefined is reported before the guest is shut down.
"""

from collections.abc import Iterator, Mapping

import libvirt

from kvmreconcile.errors import Rejected, Unsupported
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.domain.lifecycle.removal_cost import kept
from kvmreconcile.model import Action, Leftover

_DELETE: Mapping[Leftover, int] = {
    Leftover.NVRAM: libvirt.VIR_DOMAIN_UNDEFINE_NVRAM,
    Leftover.TPM: libvirt.VIR_DOMAIN_UNDEFINE_TPM,
    Leftover.SNAPSHOTS: libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
    Leftover.CHECKPOINTS: libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
    Leftover.MANAGED_SAVE: libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
}
_KEEP: Mapping[Leftover, int] = {
    Leftover.NVRAM: libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM,
    Leftover.TPM: libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM,
}
"""Data that can be kept without a definition. All other data prevents undefining."""


def check_free(domain: libvirt.virDomain, action: Action) -> None:
    """
    Check that a domain's removal policy allows undefining the domain. Nothing is changed.

    Raises:
        Rejected: The domain has data that its policy keeps.
    """
    if not domain.isPersistent():
        return
    for rest, what in _hangs_on(domain):
        if rest not in action.policy.lifecycle.removal:
            _, todo = kept(rest, action.key.name, has_spec=not action.verb.removes)
            done = "removed" if action.verb.removes else "replaced"
            raise Rejected(f"{action.key}: not {done}: it has {what}; {todo}")


def undefine(domain: libvirt.virDomain, action: Action) -> None:
    """Undefine a domain, and delete the data that its policy does not keep."""
    goes = action.policy.lifecycle.removal
    # libvirt ignores the flag of data that the definition does not have.
    flags = sum(flag for rest, flag in _DELETE.items() if rest in goes)
    flags |= sum(flag for rest, flag in _KEEP.items() if rest not in goes)
    domain.undefineFlags(flags)


def _hangs_on(domain: libvirt.virDomain) -> Iterator[tuple[Leftover, str]]:
    """Yield the data of a domain that cannot be kept without its definition, each kind with its description."""
    if (count := domain.snapshotNum()) > 0:
        yield Leftover.SNAPSHOTS, f"{count} snapshot{'' if count == 1 else 's'}"
    if (count := checkpoints(domain)) > 0:
        yield Leftover.CHECKPOINTS, f"{count} checkpoint{'' if count == 1 else 's'}"
    if domain.hasManagedSaveImage():
        yield Leftover.MANAGED_SAVE, "a managed save image"


def checkpoints(domain: libvirt.virDomain) -> int:
    """Return the number of checkpoints of a domain; 0 if the hypervisor does not support checkpoints."""
    try:
        with translated(domain.name()):
            return len(domain.listAllCheckpoints())
    except Unsupported:
        return 0
