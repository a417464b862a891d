"""List images with false headers or references to other files, and files that are not images."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

from kvmreconcile.kinds.volume.content import find_content_obstacle
from kvmreconcile.model import Content
from kvmreconcile.tree import parse
from tests.hostile.row import Row
from tests.images import made, qemu

Build = Callable[[Path], object]
"""Makes the file at a path."""

_FAR = 1 << 40
_TIB = 1 << 40
_L1 = 32 << 20
"""The largest L1 table that QEMU reads."""


def _patched(*changes: tuple[int, str, int]) -> Build:
    """Return a function that makes an image and writes numbers into it, each with its offset and format."""

    def build(path: Path) -> None:
        made(path)
        with path.open("r+b") as file:
            for at, form, value in changes:
                file.seek(at)
                file.write(struct.pack(form, value))

    return build


def _cut(to: int) -> Build:
    """Return a function that makes an image and cuts it to a length, or by a length if that is negative."""

    def build(path: Path) -> None:
        length = made(path).stat().st_size
        os.truncate(path, to if to > 0 else length + to)

    return build


def _wide(path: Path) -> None:
    """Make an image with the largest allowed L1 table; all entries point to one L2 table."""
    made(path)
    with path.open("r+b") as file:
        size = path.stat().st_size
        at = -(-size // 65536) * 65536
        file.seek(0x40000)
        table = file.read(8)
        file.seek(at)
        file.write(struct.pack(">Q", 0x40000) * (_L1 // 8) if table else b"")
        for place, form, value in ((36, ">I", _L1 // 8), (40, ">Q", at), (24, ">Q", (_L1 // 8) << 29)):
            file.seek(place)
            file.write(struct.pack(form, value))


def _backed(path: Path, by: str) -> None:
    qemu("qemu-img", "create", "-f", "qcow2", "-u", "-b", by, "-F", "raw", str(path), "1M")


def _chain(path: Path) -> None:
    """Make an image that is its own backing file, indirectly through a hundred others."""
    names = [path, *(path.with_name(f"layer-{number}") for number in range(10))]
    for name, below in zip(names, [*names[1:], path], strict=True):
        qemu("qemu-img", "create", "-f", "qcow2", "-u", "-b", str(below), "-F", "qcow2", str(name), "1M")


def _data_file(path: Path) -> None:
    made(path, f"data_file={path.with_name('data')}", "data_file_raw=on")


def _sparse(head: bytes, size: int) -> Build:
    def build(path: Path) -> None:
        path.write_bytes(head)
        os.truncate(path, size)

    return build


def _link(target: str) -> Build:
    return lambda path: path.symlink_to(target)


def _bytes(content: bytes) -> Build:
    return lambda path: path.write_bytes(content)


ROWS: tuple[Row[Build], ...] = (
    Row("version that is not known", _patched((4, ">I", 9)), "version 9", "10"),
    Row("clusters of a tebibyte", _patched((20, ">I", 40)), "2^40 bytes", "10"),
    Row("clusters of 2^4294967295 bytes", _patched((20, ">I", 0xFFFFFFFF)), "2^4294967295 bytes", "10"),
    Row("clusters of a few bytes", _patched((20, ">I", 8)), "2^8 bytes", "10"),
    Row("capacity beyond all addresses", _patched((24, ">Q", 1 << 63)), "exceeds what QEMU can address", "10"),
    Row("capacity beyond its tables", _patched((24, ">Q", 1 << 50)), "exceeds what its tables can address", "10"),
    Row("L1 table of gigabytes", _patched((36, ">I", 0xFFFFFFFF)), "L1 table of 4294967295 entries is larger than 32 MiB", "10"),
    Row("no L1 table", _patched((36, ">I", 0)), "exceeds what its tables can address", "10"),
    Row("L1 table behind the end", _patched((40, ">Q", _FAR)), "L1 table has an invalid offset or length", "10"),
    Row("L1 table between clusters", _patched((40, ">Q", 0x30001)), "L1 table has an invalid offset or length", "10"),
    Row("L1 table in the header", _patched((40, ">Q", 0)), "L1 table has an invalid offset or length", "10"),
    Row("L1 table that points to the header", _patched((0x30000, ">Q", 1)), ""),
    Row("refcount table behind the end", _patched((48, ">Q", _FAR)), "refcount table is missing or has an invalid offset", "10"),
    Row("no refcount table", _patched((56, ">I", 0)), "refcount table is missing or has an invalid offset", "10"),
    Row("refcount table of gigabytes", _patched((56, ">I", 0xFFFF)), "refcount table of 65535 clusters is larger than 8 MiB", "10"),
    Row("table of snapshots behind the end", _patched((60, ">I", 1), (64, ">Q", _FAR)), "snapshot table", "10"),
    Row("snapshots by the thousand million", _patched((60, ">I", 0xFFFFFFFF), (64, ">Q", 0x10000)), ""),
    Row("feature that is not known", _patched((72, ">Q", 1 << 40)), "unknown incompatible feature bits: 40", "10"),
    Row("every feature", _patched((72, ">Q", 0xFFFFFFFFFFFFFFFF)), "unknown incompatible feature bits: 5, 6", "10"),
    Row("marked as corrupt", _patched((72, ">Q", 2)), "marked as corrupt", "10"),
    Row("reference counts of many bits", _patched((96, ">I", 7)), "2^7 bits", "10"),
    Row("header that is too short", _patched((100, ">I", 96)), "header length of 96 bytes", "10"),
    Row("header of gigabytes", _patched((100, ">I", _FAR >> 10)), f"header length of {_FAR >> 10} bytes", "10"),
    Row("L2 table behind the end", _patched((0x30000, ">Q", _FAR)), "L1 table has an entry with an invalid offset", "10"),
    Row("refcounts that lie", _patched((0x10000, ">Q", _FAR)), ""),
    Row("header extension without an end", _patched((112, ">Q", 0x12345678FFFFFFFF)), ""),
    Row("backing file at no place", _patched((8, ">Q", _FAR), (16, ">I", 0xFFFFFFFF)), "depends on a backing file"),
    Row("cut within its header", _cut(60), "it ends after 60 bytes", "10"),
    Row("cut behind its header", _cut(100), "it ends after 100 bytes", "10"),
    Row("cut before its tables", _cut(0x30000), "L1 table has an invalid offset or length", "10"),
    Row("cut by some clusters", _cut(-(3 << 16)), "it is incomplete", "10"),
    Row("cut by a cluster", _cut(-(1 << 16)), "it is incomplete", "10"),
    Row("L1 table as large as may be", _wide, ""),
    Row("backing file that is the host's", lambda path: _backed(path, "/etc/shadow"), "depends on a backing file"),
    Row("backing file on another host", lambda path: _backed(path, "nbd://192.0.2.1/x"), "depends on a backing file"),
    Row("backing file of JSON", lambda path: _backed(path, 'json:{"driver": "raw", "file": {"driver": "host_device", "filename": "/dev/sda"}}'), "depends on a backing file"),
    Row("backing chain that leads back", _chain, "depends on a backing file"),
    Row("data file beside it", _data_file, "depends on a data file"),
    Row("header in front of 8 TiB of nothing", _sparse(b"QFI\xfb\0\0\0\3", 8 * _TIB), "2^0 bytes"),
    Row("text in front of a tebibyte of nothing", _sparse(b"<html>" * 1000, _TIB), "an HTML page"),
    Row("description that names other files", _bytes(b'# Disk DescriptorFile\nRW 1 FLAT "/etc/shadow" 0\n' * 99), "format vmdk"),
    Row("qcow image", _bytes(b"QFI\xfb\0\0\0\1" + bytes(512)), "format qcow"),
    Row("no byte", _bytes(b""), "is empty"),
    Row("text", _bytes(b"root:x:0:0::/root:/bin/sh\n" * 40), "is text"),
    Row("link to a file of the host's", _link("/etc/shadow"), "is outside the allowed directories", "25"),
    Row("link to memory", _link("/proc/self/mem"), "is outside the allowed directories", "25"),
    Row("link to nothing but bytes", _link("/dev/zero"), "is not a regular file", "25"),
    Row("link to itself", lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    Row("pipe", os.mkfifo, "is not a regular file", "25"),
    Row("directory", Path.mkdir, "Is a directory"),
)  # fmt: skip


def answer(row: Row[Build], directory: Path) -> str:
    """Return the reason why a file cannot be the content of a volume."""
    path = directory / "disk.img"
    row.make(path)
    volume = parse("<volume><name>disk</name><target><format type='qcow2'/></target></volume>")
    obstacle = find_content_obstacle(volume, Content(path, below=(directory,)))
    assert obstacle is None or obstacle.todo
    return obstacle.why if obstacle else ""
