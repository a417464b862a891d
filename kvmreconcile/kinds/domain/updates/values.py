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
    "on_poweroff": _LIFECYCLE,
    "on_reboot": _LIFECYCLE,
    "on_crash": _LIFECYCLE,
}
