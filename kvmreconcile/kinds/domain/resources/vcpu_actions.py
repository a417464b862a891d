"""Conditions for changing vCPUs of a running guest."""

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.tree import Change, Node, Table, Update


def _is_more(change: Change, _domain: Node) -> bool:
    """Return whether the number of vCPUs increases. A new number of None means the maximum."""
    old, new = change.old, change.new
    if not isinstance(old, str):
        return False
    return new is None or (isinstance(new, str) and int(new) > int(old))


def _can_come_or_go(change: Change, domain: Node) -> bool:
    """
    Return whether the number of vCPUs can be changed while the guest runs.

    vCPUs can be added. Only vCPUs that were hot-plugged can be removed.
    """
    if _is_more(change, domain):
        return True
    if not _can_unplug(domain) or not isinstance(change.new, str):
        return False
    have = int(domain.get("vcpu/@current") or domain.get("vcpu") or 0)
    return sum(map(_is_plugged, domain.all("vcpus/vcpu"))) >= have - int(change.new)


def _can_be_plugged(change: Change, domain: Node) -> bool:
    """Return whether a single vCPU can be added or, if it was hot-plugged, removed."""
    if change.new == "yes":
        return True
    plugged = (vcpu for vcpu in domain.all("vcpus/vcpu") if _is_plugged(vcpu))
    return _can_unplug(domain) and change.steps[1] in {f"vcpu[{vcpu.attr('id')}]" for vcpu in plugged}


def _is_plugged(vcpu: Node) -> bool:
    return vcpu.attr("enabled") == "yes" and vcpu.attr("hotpluggable") == "yes"


def _can_unplug(domain: Node) -> bool:
    """
    Return whether vCPUs can be removed.

    Without KVM they cannot, and QEMU 7.2 crashes after the attempt.
    """
    return domain.attr("type") == "kvm"


ACTIONS: Table[tuple[Update, ...]] = Table(
    {
        "vcpu/@current": (
            Update(
                "set-vcpus", after="vcpu", when=_can_come_or_go, source=f"{SOURCE}#virDomainSetVcpusFlags"
            ),
        ),
        "vcpus/vcpu/@enabled": (
            Update(
                "set-vcpu", on="~", at="vcpus/*", when=_can_be_plugged, source=f"{SOURCE}#virDomainSetVcpu"
            ),
        ),
    }
)
