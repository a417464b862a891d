"""
Shared rows of `actions` (attach, detach, update), and conditions for hot-plugging a device.

Source: the manual page of each call, and libvirt's `qemu_hotplug.c`.
"""

from collections.abc import Callable

from kvmreconcile.tree import Change, Node, Update

Condition = Callable[[Change, Node], bool]
Version = tuple[int, int, int]
ALWAYS = (0, 0, 0)
OTHER_BUSES = {"usb", "scsi", "none"}
PORTS = {"pcie-root-port", "pcie-switch-downstream-port"}
NEWS = "https://libvirt.org/news.html#v{}"
SOURCE = "https://libvirt.org/html/libvirt-libvirt-domain.html"
CALL = f"{SOURCE}#virDomain{{}}DeviceFlags"


def changed_element(change: Change) -> Node | None:
    """Return the device that is added or removed."""
    return next((value for value in (change.new, change.old) if isinstance(value, Node)), None)


def has_value(place: str, *values: str) -> Condition:
    """
    Return a condition: the added or removed device has one of the given values.

    Args:
        place: Path of the value in the device.
    """

    def ask(change: Change, _domain: Node) -> bool:
        device = changed_element(change)
        return device is not None and device.get(place) in values

    return ask


def is_card(device: Node) -> bool:
    """Return whether a device occupies a PCI port; devices on other buses do not."""
    return not {device.attr("type"), device.attr("model")} & OTHER_BUSES


def has_port(change: Change, domain: Node) -> bool:
    """
    Return whether a PCI Express port is free for an added device.

    Always true for removed devices, and for machines that have PCI slots instead of ports.
    """
    controllers = [c for c in domain.all("devices/controller") if c.attr("type") == "pci"]
    if change.new is None or not any(c.attr("model") == "pcie-root" for c in controllers):
        return True
    ports = {int(c.attr("index") or 0) for c in controllers if c.attr("model") in PORTS}
    devices = domain.child("devices")
    places = [d.child("address") for d in devices.children] if devices else []
    return bool(ports - {int(p.attr("bus") or "0", 0) for p in places if p and p.attr("type") == "pci"})


def needs_port(when: Condition) -> Condition:
    """Return a condition: `when` holds, and an added device has a free PCI Express port."""
    return lambda change, domain: when(change, domain) and has_port(change, domain)


def has_pci_slots(_change: Change, domain: Node) -> bool:
    """
    Return whether the guest has a conventional PCI bus.

    Conventional PCI devices do not fit PCI Express ports.
    """
    models = {controller.attr("model") or "" for controller in domain.all("devices/controller")}
    return bool(models & {"pci-root", "pcie-to-pci-bridge", "dmi-to-pci-bridge"})


def attach_and_detach(when: Condition | None = None, since: Version = ALWAYS) -> tuple[Update, ...]:
    """
    Return the rows of a device that can be attached and detached while the guest runs.

    Args:
        when: Condition for both; None if there is none.
        since: First libvirt version that supports both.
    """
    return (
        Update("attach", on="+", when=when, since=since, source=CALL.format("Attach")),
        Update("detach", on="-", when=when, since=since, source=CALL.format("Detach")),
    )


def update_device(on: str = "+-~", when: Condition | None = None) -> tuple[Update, ...]:
    """
    Return the row of a value that can be changed while the device is attached.

    Args:
        on: The changes that are possible: "+" adds, "-" removes, "~" modifies the value.
        when: Condition for the change; None if there is none.
    """
    return (Update("update", on=on, at=".", when=when, source=CALL.format("Update")),)
