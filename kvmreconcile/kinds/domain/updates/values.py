"""What is done about a change of anything but a device of a running domain. Separate as one half of the table."""

from collections.abc import Mapping

from kvmreconcile.tree import Effect, Node, Update

Value = str | Node | None

_SOURCE = "https://libvirt.org/html/libvirt-libvirt-domain.html"


def _is_more(old: Value, new: Value) -> bool:
    """Tell whether a number grows; None is all there can be, so that nothing is more."""
    if not isinstance(old, str):
        return False
    return new is None or (isinstance(new, str) and int(new) > int(old))


_LIFECYCLE = (Update("set-lifecycle", on="~", source=f"{_SOURCE}#virDomainSetLifecycleAction"),)

# libvirt has no count that runs: threads are added and taken away one by one.
_IOTHREADS = (Update("set-iothreads", source=f"{_SOURCE}#virDomainAddIOThread"),)

VALUES: Mapping[str, tuple[Update, ...]] = {
    "uuid": (Update("replace", effect=Effect.REPLACE, on="~"),),
    "title": (Update("set-title", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "description": (Update("set-description", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "currentMemory": (
        Update("set-memory", on="~", after="memory", source=f"{_SOURCE}#virDomainSetMemoryFlags"),
    ),
    "vcpu/@current": (
        Update("set-vcpus", after="vcpu", when=_is_more, source=f"{_SOURCE}#virDomainSetVcpusFlags"),
    ),
    "iothreads": _IOTHREADS,
    "iothreadids/iothread": _IOTHREADS,
    # Other tools' elements in it are theirs, and stay; what a spec says of it is brought to the guest.
    "metadata/*": (Update("set-metadata", at="metadata/*", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "metadata/**": (Update("set-metadata", at="metadata/*", source=f"{_SOURCE}#virDomainSetMetadata"),),
    "on_poweroff": _LIFECYCLE,
    "on_reboot": _LIFECYCLE,
    "on_crash": _LIFECYCLE,
}
