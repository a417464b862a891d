"""Conditions for changing vCPUs of a running guest."""

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.tree import Change, Node, Table, Update


def _is_more(change: Change, _domain: Node) -> bool:
    """Return whether the number of vCPUs grows. None is the maximum, so nothing is larger."""
    old, new = change.old, change.new
    if not isinstance(old, str):
        return False
    return new is None or (isinstance(new, str) and int(new) > int(old))


def _can_come_or_go(change: Change, domain: Node) -> bool:
    """Return whether processors are added, or hot-plugged ones removed; those of the start cannot be removed."""
    if _is_more(change, domain):
        return True
    if not _can_unplug(domain) or not isinstance(change.new, str):
        return False
    have = int(domain.get("vcpu/@current") or domain.get("vcpu") or 0)
    return sum(map(_is_plugged, domain.all("vcpus/vcpu"))) >= have - int(change.new)


def _can_be_plugged(change: Change, domain: Node) -> bool:
    """Return whether a single processor can be added, or removed if it was hot-plugged."""
    if change.new == "yes":
        return True
    plugged = (vcpu for vcpu in domain.all("vcpus/vcpu") if _is_plugged(vcpu))
    return _can_unplug(domain) and change.steps[1] in {f"vcpu[{vcpu.attr('id')}]" for vcpu in plugged}


def _is_plugged(vcpu: Node) -> bool:
    return vcpu.attr("enabled") == "yes" and vcpu.attr("hotpluggable") == "yes"


def _can_unplug(domain: Node) -> bool:
    """Return whether processors can be removed; under emulation they cannot, and QEMU 7.2 crashes after it."""
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
