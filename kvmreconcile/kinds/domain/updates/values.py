"""What is done about a change of anything but a device of a running domain. Separate as one half of the table."""

from collections.abc import Mapping

from kvmreconcile.tree import Change, Effect, Node, Update

_SOURCE = "https://libvirt.org/html/libvirt-libvirt-domain.html"


def _is_more(change: Change, _domain: Node) -> bool:
    """Tell whether a number grows; None is all there can be, so that nothing is more."""
    old, new = change.old, change.new
    if not isinstance(old, str):
        return False
    return new is None or (isinstance(new, str) and int(new) > int(old))


def _is_a_sum(_change: Change, domain: Node) -> bool:
    """Tell whether libvirt adds a domain's memory up from its NUMA cells and memory devices."""
    return domain.find("cpu/numa/cell") is not None


def _can_come_or_go(change: Change, domain: Node) -> bool:
    """Tell whether processors come, or go that have been plugged in; those of the start stay till the end."""
    if _is_more(change, domain):
        return True
    if not _can_unplug(domain) or not isinstance(change.new, str):
        return False
    have = int(domain.get("vcpu/@current") or domain.get("vcpu") or 0)
    return sum(map(_is_plugged, domain.all("vcpus/vcpu"))) >= have - int(change.new)


def _can_be_plugged(change: Change, domain: Node) -> bool:
    """Tell whether a single processor can come, or go as it came."""
    if change.new == "yes":
        return True
    plugged = (vcpu for vcpu in domain.all("vcpus/vcpu") if _is_plugged(vcpu))
    return _can_unplug(domain) and change.steps[1] in {f"vcpu[{vcpu.attr('id')}]" for vcpu in plugged}


def _is_plugged(vcpu: Node) -> bool:
    return vcpu.attr("enabled") == "yes" and vcpu.attr("hotpluggable") == "yes"


def _can_unplug(domain: Node) -> bool:
    """Tell whether processors can go at all; under emulation none does, and QEMU 7.2 dies of it sooner or later."""
    return domain.attr("type") == "kvm"


def _has_blocks(_change: Change, domain: Node) -> bool:
    """Tell whether a domain has virtio-mem, of which what the guest has comes and goes by itself."""
    return any(device.attr("model") == "virtio-mem" for device in domain.all("devices/memory"))


_LIFECYCLE = (Update("set-lifecycle", on="~", source=f"{_SOURCE}#virDomainSetLifecycleAction"),)

# libvirt has no count that runs: threads are added and taken away one by one.
_IOTHREADS = (Update("set-iothreads", source=f"{_SOURCE}#virDomainAddIOThread"),)
_BOUNDS = (Update("set-iothreads", at="iothreadids", source=f"{_SOURCE}#virDomainSetIOThreadParams"),)
# A definition has no bounds of polling before this version.
_POLL = (
    Update(
        "set-iothreads",
        at="iothreadids",
        since=(9, 4, 0),
        source=f"{_SOURCE}#virDomainSetIOThreadParams",
    ),
)
_PERF = (Update("set-perf", at="perf", source=f"{_SOURCE}#virDomainSetPerfEvents"),)

VALUES: Mapping[str, tuple[Update, ...]] = {
    "uuid": (Update("replace", effect=Effect.REPLACE, on="~"),),
    "title": (Update("set-title", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "description": (Update("set-description", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "memory": (Update("", when=_is_a_sum),),
    "currentMemory": (
        Update("", when=_has_blocks),
        Update("set-memory", on="~", after="memory", source=f"{_SOURCE}#virDomainSetMemoryFlags"),
    ),
    "vcpu/@current": (
        Update("set-vcpus", after="vcpu", when=_can_come_or_go, source=f"{_SOURCE}#virDomainSetVcpusFlags"),
    ),
    "vcpus/vcpu/@enabled": (
        Update("set-vcpu", on="~", at="vcpus/*", when=_can_be_plugged, source=f"{_SOURCE}#virDomainSetVcpu"),
    ),
    "iothreads": _IOTHREADS,
    "iothreadids/iothread": _IOTHREADS,
    "iothreadids/iothread/@*": _BOUNDS,
    "iothreadids/iothread/poll": _POLL,
    "iothreadids/iothread/poll/@*": _POLL,
    "perf/event": _PERF,
    "perf/event/@enabled": _PERF,
    # Other tools' elements in it are theirs, and stay; what a spec says of it is brought to the guest.
    "metadata/*": (Update("set-metadata", at="metadata/*", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "metadata/**": (Update("set-metadata", at="metadata/*", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "on_poweroff": _LIFECYCLE,
    "on_reboot": _LIFECYCLE,
    "on_crash": _LIFECYCLE,
}
