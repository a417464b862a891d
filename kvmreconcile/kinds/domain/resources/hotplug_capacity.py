"""Find devices that cannot be hot-plugged to a new guest because capacity is missing. Pure."""

from collections.abc import Iterator

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.tree import Node

_TAKES_PORT = {tag: takes for section in SECTIONS for tag, takes in section.takes_port.items()}


def lacks(domain: Node) -> Iterator[str]:
    """Yield each kind of device that cannot be hot-plugged, with the field that adds the capacity."""
    if domain.child("maxMemory") is None:
        yield "memory (set memory.maximum)"
    if (domain.get("vcpu/@current") or domain.get("vcpu")) == domain.get("vcpu"):
        yield "vCPUs (set vcpus.maximum above vcpus.count)"
    controllers = [c for c in domain.all("devices/controller") if c.attr("type") == "pci"]
    ports = [c for c in controllers if c.attr("model") == "pcie-root-port"]
    is_express = any(c.attr("model") == "pcie-root" for c in controllers)
    if is_express and len(ports) <= sum(1 for _ in _taken(domain)):
        # libvirt itself leaves one port free in addition to those it needs.
        yield "more than one PCI device, such as a disk or an interface (raise hotplug.slots)"


def notes(domain: Node) -> Iterator[str]:
    """Yield notes for the plan about missing hot-plug capacity of a new domain."""
    lacking = ", ".join(lacks(domain))
    if lacking:
        yield f"no hot-plug capacity for {lacking}"


def _taken(domain: Node) -> Iterator[Node]:
    """Yield the elements that occupy a port: PCI devices, virtio disks, controllers of disks and channels."""
    devices = domain.child("devices")
    children = devices.children if devices else ()
    yield from filter(_takes_a_port, children)
    # libvirt itself adds a balloon, a USB controller, and the controller of the channels to agents.
    there = {child.attr("type") if child.tag == "controller" else child.tag for child in children}
    added = {"memballoon", "usb", *(["virtio-serial"] if "channel" in there else [])}
    yield from (Node(name) for name in sorted(added - there))


def _takes_a_port(device: Node) -> bool:
    takes = _TAKES_PORT.get(device.tag)
    return takes is not None and takes(device)
