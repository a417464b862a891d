"""
Describe what a running guest loses with a device: its name, what it is connected to, and how large it is.

Pure. A plan shows the device's own XML as well; this is the line that a person reads first.
"""

from collections.abc import Iterator

from kvmreconcile.model import Actual, Key, Observation
from kvmreconcile.tree import Measure, Node
from kvmreconcile.tree.scalars import print_size

_BYTES = Measure(default="B", step=1)
_SOURCES = ("network", "bridge", "dev", "path")
"""Attributes of an interface's source that name what it is connected to."""


def describe(part: Node, rule: str, observed: Observation) -> str:
    """Return a line on a disk or an interface that leaves a running guest, "" for any other device."""
    if rule == "devices/disk":
        kind = "disk" if part.attr("device") in (None, "disk", "lun") else part.attr("device") or ""
        name, what = _name(part, "target/@dev"), _storage(part, observed)
    elif rule == "devices/interface":
        kind, name, what = "NIC", _name(part, "mac/@address"), _connection(part)
    else:
        return ""
    return f"the guest loses {kind} {name}: {what}"


def _name(device: Node, otherwise: str) -> str:
    return (device.get("alias/@name") or "").removeprefix("ua-") or device.get(otherwise) or "without a name"


def _storage(disk: Node, observed: Observation) -> str:
    source = disk.child("source")
    if source is None or not source.attrs:
        return "without a medium"
    pool, volume = source.attr("pool"), source.attr("volume")
    if pool and volume:
        seen = observed.actual(Key("Volume", f"{pool}/{volume}"))
        return f"volume {pool}/{volume}, {_size(seen)}"
    path = source.attr("file") or source.attr("dev") or source.attr("dir") or source.attr("name") or "unnamed"
    return f"{disk.attr('type') or 'file'} {path}, {_size(next(_volumes(path, observed), None))}"


def _volumes(path: str, observed: Observation) -> Iterator[Actual]:
    """Yield the volumes that are a file or device of the host."""
    for key, seen in observed.objects.items():
        if key.kind == "Volume" and isinstance(seen, Actual) and seen.tree.get("target/path") == path:
            yield seen


def _size(volume: Actual | None) -> str:
    capacity = volume.tree.child("capacity") if volume else None
    size = _BYTES.bytes(capacity.text, capacity.attr("unit")) if capacity else None
    return "size unknown" if size is None else print_size(size)


def _connection(interface: Node) -> str:
    source = interface.child("source")
    named = ((name, source.attr(name)) for name in _SOURCES) if source else ()
    where = next((f"{name} {value}" for name, value in named if value), interface.attr("type") or "no source")
    return f"{where}, MAC {interface.get('mac/@address') or 'unknown'}"
