"""
Compute the memory of a definition as libvirt does, as the sum of NUMA cells and memory devices. Pure.

Source: https://libvirt.org/formatdomain.html#memory-allocation, `virDomainDefPostParseMemory`
"""

from dataclasses import replace

from kvmreconcile.tree import Node
from kvmreconcile.tree.scalars import size_bytes


def canonical(domain: Node) -> Node:
    """
    Return the definition with the memory that libvirt computes.

    NUMA cells take precedence over `<memory>`. Memory devices are added to the memory of the cells.

    Source: https://libvirt.org/formatdomain.html#memory-allocation, `virDomainDefPostParseMemory`
    """
    cells = [_kib(c.attr("memory"), c.attr("unit")) for c in domain.all("cpu/numa/cell")]
    if not cells or None in cells:
        return domain
    devices = [_kib(s.text, s.attr("unit")) for s in domain.all("devices/memory/target/size")]
    total = sum(size or 0 for size in (*cells, *devices))
    current = domain.child("currentMemory")
    domain = _with_kib(domain, "memory", total)
    if current is not None and (_kib(current.text, current.attr("unit")) or 0) > total:
        domain = _with_kib(domain, "currentMemory", total)
    return domain


def all_in_use(domain: Node) -> Node:
    """
    Return the definition with a balloon size of all memory, unless it already has a balloon size.

    For virtio-mem, libvirt counts the requested size.
    """
    memory, current = domain.child("memory"), domain.child("currentMemory")
    if memory is None or not memory.text or current is not None:
        return domain
    children = list(domain.children)
    children.insert(children.index(memory) + 1, replace(memory, tag="currentMemory"))
    whole = replace(domain, children=tuple(children))
    devices = [device for device in domain.all("devices/memory") if device.attr("model") == "virtio-mem"]
    size = _kib(memory.text, memory.attr("unit"))
    if not devices or size is None:
        return whole
    asleep = sum(_part_kib(device, "size") - _part_kib(device, "requested") for device in devices)
    return _with_kib(whole, "currentMemory", size - asleep)


def _part_kib(device: Node, part: str) -> int:
    return _kib(device.get(f"target/{part}"), device.get(f"target/{part}/@unit")) or 0


def without_devices(domain: Node) -> Node:
    """Return the definition with the memory of its NUMA cells only, without memory devices, as in specs."""
    cells = [_kib(c.attr("memory"), c.attr("unit")) for c in domain.all("cpu/numa/cell")]
    return (
        _with_kib(domain, "memory", sum(size or 0 for size in cells))
        if cells and None not in cells
        else domain
    )


def _kib(number: str | None, unit: str | None) -> int | None:
    size = size_bytes(number or "", unit or "KiB")
    return None if size is None else -(-size // 1024)


def _with_kib(domain: Node, tag: str, size_kib: int) -> Node:
    new = Node(tag, (("unit", "KiB"),), str(size_kib))
    if domain.child(tag) is None:
        return domain
    return replace(domain, children=tuple(new if c.tag == tag else c for c in domain.children))
