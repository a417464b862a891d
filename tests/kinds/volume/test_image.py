"""Inspecting an image file, and reading its data without holes."""

import os
import subprocess
from pathlib import Path

import pytest

from kvmreconcile.errors import HostError, Rejected
from kvmreconcile.kinds.volume.image import (
    Image,
    SparseReader,
    check_unchanged,
    checksum,
    extents,
    inspect,
    open_image,
)

MIB = 1 << 20


def made(path: Path, kind: str, *options: str) -> Path:
    subprocess.run(
        ["qemu-img", "create", "-f", kind, *options, str(path), "8M"], check=True, capture_output=True
    )
    return path


def inspected(path: Path) -> Image:
    with open_image(path) as file:
        return inspect(file, path)


def sparse(path: Path, parts: list[tuple[int, int]]) -> int:
    """Write random data of some lengths at some places, with holes between, and return the file's size."""
    with path.open("wb") as file:
        for start, length in parts:
            file.truncate(start)
            file.seek(start)
            file.write(os.urandom(length))
    return path.stat().st_size


@pytest.mark.parametrize("kind", ["raw", "qcow", "qcow2", "qed", "vmdk", "vdi", "vpc", "vhdx"])
def test_formats_are_detected_by_signature(tmp_path: Path, kind: str) -> None:
    image = inspected(made(tmp_path / "image", kind))

    assert image.format == kind
    assert image.capacity == (8 * MIB if kind in ("raw", "qcow2") else None)
    assert (image.external, image.damage) == ("", "")


def test_fixed_size_vhd_is_detected_by_its_footer(tmp_path: Path) -> None:
    assert inspected(made(tmp_path / "image", "vpc", "-o", "subformat=fixed")).format == "vpc"


@pytest.mark.parametrize("compat", ["0.10", "1.1"])
def test_backing_file_is_detected_in_both_versions(tmp_path: Path, compat: str) -> None:
    base = made(tmp_path / "base", "qcow2")

    image = inspected(
        made(tmp_path / "over", "qcow2", "-b", str(base), "-F", "qcow2", "-o", f"compat={compat}")
    )

    assert image.external == "a backing file"


def test_data_file_is_detected(tmp_path: Path) -> None:
    image = inspected(made(tmp_path / "split", "qcow2", "-o", f"data_file={tmp_path}/data"))

    assert image.external == "a data file"


def test_disc_image_is_detected_by_its_file_system(tmp_path: Path) -> None:
    (tmp_path / "disc").write_bytes(bytes(0x8001) + b"CD001" + bytes(60_000))
    (tmp_path / "disk").write_bytes(bytes(0x8001) + b"CD002" + bytes(60_000))

    assert inspected(tmp_path / "disc").is_disc
    assert not inspected(tmp_path / "disk").is_disc


def test_empty_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for name, message in (
        ("none", "No such file"),
        (".", "Is a directory"),
        ("pipe", "not a regular file"),
    ):
        with pytest.raises(Rejected, match=message), open_image(tmp_path / name):
            pass


@pytest.mark.case("25")
def test_image_file_must_be_in_allowed_directory_after_resolving_links(tmp_path: Path) -> None:
    images, secret = tmp_path / "images", tmp_path / "secret"
    images.mkdir()
    secret.write_text("root's")
    (images / "plain").write_bytes(b"x")
    (images / "out").symlink_to(secret)
    (images / "in").symlink_to("plain")
    (tmp_path / "way").symlink_to(images)

    for name in ("images/plain", "images/in", "way/plain"):
        with open_image(tmp_path / name, [tmp_path / "way"]) as file:
            assert file.read() == b"x"
    for name in ("secret", "images/out", "images/../secret"):
        with pytest.raises(Rejected, match=r"sources\.directories"), open_image(tmp_path / name, [images]):
            pass


def test_file_changed_while_reading_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(MIB))

    with open_image(path) as file:
        image = inspect(file, path)
        file.read()
        check_unchanged(file, image)
        path.write_bytes(b"x")
        with pytest.raises(HostError, match="changed while it was being copied"):
            check_unchanged(file, image)


def test_checksum_covers_whole_file_and_keeps_read_position(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"kvm\n")

    with open_image(path) as file:
        assert checksum(file) == "3b691b22d6a04e2c63061f30b8d26048dc13d891ab7a9633a212a327b25c72fc"
        assert file.read() == b"kvm\n"


PARTS = pytest.mark.parametrize(
    "parts",
    [
        [(0, MIB)],
        [(0, 4096), (MIB, 4096)],
        [(MIB, 4096)],
        [(0, 4096), (2 * MIB, 0)],
        [(2 * MIB, 0)],
    ],
    ids=["data", "data-hole-data", "hole-data", "data-hole", "hole"],
)


@PARTS
def test_data_and_holes_of_file_are_sent_to_stream(tmp_path: Path, parts: list[tuple[int, int]]) -> None:
    path = tmp_path / "sparse"
    size = sparse(path, parts)
    copy, sent = bytearray(size), 0

    with path.open("rb", buffering=0) as file:
        reader, here = SparseReader(file, size), 0
        while True:
            is_data, length = reader.extent(None, None)
            if not is_data and not length:
                break
            if is_data:
                data = reader.read(None, min(length, 65536), None)
                copy[here : here + len(data)] = data
                here, sent = here + len(data), sent + len(data)
            else:
                reader.skip(None, length, None)
                here += length

    assert here == size
    assert bytes(copy) == path.read_bytes()
    assert sent == sum(length for _, length in parts)


@PARTS
def test_extents_are_the_parts_of_a_file_with_data(tmp_path: Path, parts: list[tuple[int, int]]) -> None:
    path = tmp_path / "sparse"
    sparse(path, parts)

    with open_image(path) as file:
        found = list(extents(file))

    assert found == [(start, start + length) for start, length in parts if length]
