"""
Images of QEMU are not reported as damaged, and truncated ones are.

Images that are damaged or hostile are in tests/hostile.
"""

import os
from pathlib import Path

import pytest

from kvmreconcile.kinds.volume.image import Image, inspect, open_image
from kvmreconcile.kinds.volume.qcow2 import HEADER, find_header_damage
from tests.images import made, qemu


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image with data at its start and its end, and holes between."""
    return made(tmp_path / "disk.qcow2")


def inspected(path: Path) -> Image:
    with open_image(path) as file:
        return inspect(file, path)


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
def test_image_created_by_qemu_is_not_reported_as_damaged(tmp_path: Path, options: tuple[str, ...]) -> None:
    image = made(tmp_path / "disk.qcow2", *options)
    packed = tmp_path / "packed.qcow2"
    qemu("qemu-img", "convert", "-c", "-O", "qcow2", str(image), str(packed))

    for path in (image, packed):
        found = inspected(path)
        assert (found.damage, found.capacity) == ("", 64 << 20)


def test_truncated_compressed_image_is_detected(tmp_path: Path) -> None:
    disk, packed = tmp_path / "disk.raw", tmp_path / "packed.qcow2"
    disk.write_bytes(os.urandom(1 << 20) + bytes(1 << 20) + os.urandom(1 << 20))
    qemu("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", str(disk), str(packed))
    assert inspected(packed).damage == ""

    os.truncate(packed, packed.stat().st_size - (1 << 18))

    assert "it is incomplete" in inspected(packed).damage


def test_image_with_a_snapshot_is_not_reported_as_damaged(image: Path) -> None:
    qemu("qemu-img", "snapshot", "-c", "before", str(image))

    assert inspected(image).damage == ""


def test_overwritten_volume_is_reported_as_not_qcow2() -> None:
    assert find_header_damage(bytes(HEADER), 1 << 16) == "it does not begin with the qcow2 magic number"


@pytest.mark.parametrize("size", ["0", "512", "63T"])
def test_image_of_any_size_is_not_reported_as_damaged(tmp_path: Path, size: str) -> None:
    path = tmp_path / "disk.qcow2"
    qemu("qemu-img", "create", "-f", "qcow2", str(path), size)

    assert inspected(path).damage == ""
