"""Damage of qcow2 images is seen in their headers and tables, and no image of QEMU's is called damaged."""

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kvmreconcile.kinds.volume.image import Image, inspect, opened

Patch = Callable[[Path], object]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image with data at its start and its end, and holes between."""
    return made(tmp_path / "disk.qcow2")


def made(path: Path, *options: str, size: str = "64M") -> Path:
    words = ("-o", ",".join(options)) if options else ()
    qemu("qemu-img", "create", "-f", "qcow2", *words, str(path), size)
    commands = ("-c", "write -P 7 0 1M", "-c", "write -P 8 40M 1M")
    qemu("qemu-io", "-f", "qcow2", *commands, str(path))
    return path


def qemu(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def inspected(path: Path) -> Image:
    with opened(path) as file:
        return inspect(file, path)


def put(at: int, form: str, value: int) -> Patch:
    def patch(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(struct.pack(form, value))

    return patch


def shorter(by: int) -> Patch:
    return lambda path: os.truncate(path, path.stat().st_size - by)


_FAR = 1 << 40


@pytest.mark.case("10")
@pytest.mark.parametrize(
    ("patch", "damage"),
    [
        (put(4, ">I", 9), "version 9"),
        (put(20, ">I", 40), "2^40 bytes"),
        (put(20, ">I", 8), "2^8 bytes"),
        (put(24, ">Q", 1 << 63), "more than QEMU can address"),
        (put(24, ">Q", 1 << 50), "more than its tables hold"),
        (put(36, ">I", 0xFFFFFFFF), "more than QEMU can address"),
        (put(36, ">I", 0), "more than its tables hold"),
        (put(40, ">Q", _FAR), "L1 table is not within the file"),
        (put(40, ">Q", 0x30001), "L1 table is not within the file"),
        (put(40, ">Q", 0), "L1 table is not within the file"),
        (put(48, ">Q", _FAR), "refcount table is not within the file"),
        (put(56, ">I", 0), "refcount table is not within the file"),
        (put(56, ">I", 0xFFFF), "refcount table would have 65535 clusters"),
        (lambda path: (put(60, ">I", 1)(path), put(64, ">Q", _FAR)(path)), "table of snapshots"),
        (put(72, ">Q", 1 << 40), "not known (bit 40)"),
        (put(72, ">Q", 2), "marked as corrupt"),
        (put(96, ">I", 7), "2^7 bits"),
        (put(100, ">I", 96), "header would have 96 bytes"),
        (put(100, ">I", _FAR >> 10), f"header would have {_FAR >> 10} bytes"),
        (put(0x30000, ">Q", _FAR), "L1 table points out of the file"),
        (put(0x10000, ">Q", _FAR), ""),
        (lambda path: os.truncate(path, 100), "it ends after 100 bytes"),
        (lambda path: os.truncate(path, 60), "it ends after 60 bytes"),
        (lambda path: os.truncate(path, 0x30000), "L1 table is not within the file"),
        (shorter(by=3 << 16), "it was cut short"),
        (shorter(by=1 << 16), "it was cut short"),
    ],
)
def test_damage_is_seen(image: Path, patch: Patch, damage: str) -> None:
    patch(image)

    found = inspected(image)

    assert found.format == "qcow2"
    assert damage in found.damage
    assert bool(damage) == bool(found.damage)


@pytest.mark.parametrize(
    "options",
    [
        ("compat=0.10",),
        ("cluster_size=512",),
        ("cluster_size=2M",),
        ("cluster_size=512", "preallocation=falloc", "refcount_bits=64"),
        ("preallocation=metadata",),
        ("preallocation=full",),
        ("refcount_bits=1",),
        ("lazy_refcounts=on",),
        ("extended_l2=on",),
        ("compression_type=zstd",),
    ],
    ids="-".join,
)
def test_image_of_qemu_has_no_damage(tmp_path: Path, options: tuple[str, ...]) -> None:
    image = made(tmp_path / "disk.qcow2", *options)
    packed = tmp_path / "packed.qcow2"
    qemu("qemu-img", "convert", "-c", "-O", "qcow2", str(image), str(packed))

    for path in (image, packed):
        found = inspected(path)
        assert (found.damage, found.capacity) == ("", 64 << 20)


def test_cut_compressed_image_is_seen(tmp_path: Path) -> None:
    disk, packed = tmp_path / "disk.raw", tmp_path / "packed.qcow2"
    disk.write_bytes(os.urandom(1 << 20) + bytes(1 << 20) + os.urandom(1 << 20))
    qemu("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", str(disk), str(packed))
    assert inspected(packed).damage == ""

    shorter(by=1 << 18)(packed)

    assert "it was cut short" in inspected(packed).damage


def test_image_with_a_snapshot_has_no_damage(image: Path) -> None:
    qemu("qemu-img", "snapshot", "-c", "before", str(image))

    assert inspected(image).damage == ""


@pytest.mark.parametrize("size", ["0", "512", "63T"])
def test_image_of_any_size_has_no_damage(tmp_path: Path, size: str) -> None:
    path = tmp_path / "disk.qcow2"
    qemu("qemu-img", "create", "-f", "qcow2", str(path), size)

    assert inspected(path).damage == ""
