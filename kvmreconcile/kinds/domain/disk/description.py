"""Describe a disk that a running guest loses. Pure."""

from collections.abc import Iterator

from kvmreconcile.kinds.domain.devices.naming import label
from kvmreconcile.model import Actual, Key, Observation
from kvmreconcile.tree import Measure, Node
from kvmreconcile.tree.scalars import print_size

_HARD = (None, "disk", "lun")
_IN_PLACE = ("file", "dev", "dir", "name")
_BYTES = Measure(default="B", step=1)


def describe(disk: Node, observed: Observation) -> str:
    """Return the type, name, source and size of a disk."""
    kind = "disk" if disk.attr("device") in (None, "disk", "lun") else disk.attr("device") or ""
    return f"{kind} {label(disk, 'target/@dev')}: {_storage(disk, observed)}"


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
    """Yield the volumes with the given path on the host."""
    for key, seen in observed.objects.items():
        if key.kind == "Volume" and isinstance(seen, Actual) and seen.tree.get("target/path") == path:
            yield seen


def _size(volume: Actual | None) -> str:
    capacity = volume.tree.child("capacity") if volume else None
    size = _BYTES.bytes(capacity.text, capacity.attr("unit")) if capacity else None
    return "size unknown" if size is None else print_size(size)


def images(domain: Node) -> Iterator[str]:
    """Yield a note that lists the disk images that are kept when a domain is removed."""
    found = [f"{_label(disk)} ({where})" for disk in domain.all("devices/disk") if (where := _image(disk))]
    if found:
        yield f"disks that are kept: {', '.join(found)}"


def _image(disk: Node) -> str:
    source = disk.child("source")
    if source is None or disk.attr("device") not in _HARD:
        return ""
    if source.attr("volume"):
        return f"Volume/{source.attr('pool')}/{source.attr('volume')}"
    return next(filter(None, map(source.attr, _IN_PLACE)), "")


def _label(disk: Node) -> str:
    return (disk.get("alias/@name") or disk.get("target/@dev") or "disk").removeprefix("ua-")
