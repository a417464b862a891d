"""What an image file says of itself, and how its bytes go out without the holes."""

import os
import subprocess
from pathlib import Path

import pytest

from kvmreconcile.errors import Rejected
from kvmreconcile.kinds.volume.image import Image, Reader, inspect

MIB = 1 << 20


def made(path: Path, kind: str, *options: str) -> Path:
    subprocess.run(
        ["qemu-img", "create", "-f", kind, *options, str(path), "8M"], check=True, capture_output=True
    )
    return path


@pytest.mark.parametrize("kind", ["raw", "qcow", "qcow2", "qed", "vmdk", "vdi", "vpc", "vhdx"])
def test_formats_are_told_by_their_marks(tmp_path: Path, kind: str) -> None:
    image = inspect(made(tmp_path / "image", kind))

    assert image.format == kind
    assert image.capacity == (8 * MIB if kind in ("raw", "qcow2") else None)
    assert image.external == ""


@pytest.mark.parametrize("compat", ["0.10", "1.1"])
def test_backing_file_is_told_in_either_version(tmp_path: Path, compat: str) -> None:
    base = made(tmp_path / "base", "qcow2")

    image = inspect(
        made(tmp_path / "over", "qcow2", "-b", str(base), "-F", "qcow2", "-o", f"compat={compat}")
    )

    assert image.external == "a backing file"


def test_data_file_is_told(tmp_path: Path) -> None:
    image = inspect(made(tmp_path / "split", "qcow2", "-o", f"data_file={tmp_path}/data"))

    assert image.external == "a data file"


def test_text_is_a_raw_image(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("QF")

    assert inspect(path) == Image(path, "raw", 2, 2)


def test_nothing_to_read_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    for name, message in (("none", "No such file"), (".", "Is a directory"), ("empty", "is empty")):
        with pytest.raises(Rejected, match=message):
            inspect(tmp_path / name)


@pytest.mark.parametrize(
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
def test_file_is_told_as_data_and_holes(tmp_path: Path, parts: list[tuple[int, int]]) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for start, length in parts:
            file.truncate(start)
            file.seek(start)
            file.write(os.urandom(length))
    size = path.stat().st_size
    copy, sent = bytearray(size), 0

    with path.open("rb", buffering=0) as file:
        reader, here = Reader(file, size), 0
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
