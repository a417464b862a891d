"""Files that are not raw disks are recognized by signature."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from kvmreconcile.kinds.volume.image import inspect, open_image
from kvmreconcile.kinds.volume.signatures import HEAD, SIGNATURES, Signature, is_text, recognize

_MIB = 1 << 20


def _zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("disk.img", bytes(1024))
    return buffer.getvalue()


def _tarred() -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("disk.ovf"))
    return buffer.getvalue()


_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"
_DISK = bytes(range(256)) * 16


@pytest.mark.parametrize("row", SIGNATURES, ids=lambda row: f"{row.name} at {row.at}".replace(" ", "-"))
def test_each_signature_matches_only_its_own_row(row: Signature) -> None:
    head = bytes(row.at) + row.mark if row.at >= 0 else bytes(HEAD)
    tail = row.mark.ljust(-row.at, b"\0") if row.at < 0 else bytes(HEAD)

    found = recognize(head.ljust(HEAD, b"\0"), tail)

    assert found is not None
    assert found.name == row.name
    assert row.source
    assert max(row.at, 0) + len(row.mark) <= HEAD


@pytest.mark.case("10")
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (gzip.compress(_DISK), "gzip data"),
        (lzma.compress(_DISK), "xz data"),
        (lzma.compress(_DISK, lzma.FORMAT_ALONE), "LZMA data"),
        (bz2.compress(_DISK), "bzip2 data"),
        (b"\x28\xb5\x2f\xfd" + _DISK, "Zstandard data"),
        (_zipped(), "a ZIP archive"),
        (_tarred(), "a tar archive, such as an OVA"),
        (_POINTER, "a Git LFS pointer"),
        (b"\xef\xbb\xbf\r\n  <!DOCTYPE HTML PUBLIC>" + b" " * 5000, "an HTML page"),
        (b"<HTML><body>404</body></HTML>", "an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
        (b'{"error": "not found"}\n', "text"),
        ("Größe: 20 GiB\n".encode("latin-1"), "text"),
        ("Größe: 20 GiB\n".encode("utf-16"), "text"),
        (b"0123456789abcdef\n" * 200_000, "text"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and len(value) < 40 else "",
)
def test_content_that_is_not_a_disk_is_recognized(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(content)

    with open_image(path) as file:
        found = inspect(file, path).found

    assert found is not None
    assert (found.name, found.format) == (name, "")
    assert found.todo


def _with(at: int, data: bytes) -> Callable[[], bytes]:
    return lambda: bytes(at) + data + bytes(_MIB)


@pytest.mark.parametrize(
    "content",
    [
        _with(0, b""),
        _with(0, b"\xeb\x63\x90" + b"GRUB"),
        _with(0x438, b"\x53\xef"),
        _with(0, b"LUKS\xba\xbe\x00\x02"),
        _with(0, b"hsqs"),
        # Text, and then what is none.
        _with(0, b"0123456789abcdef\n" * 200_000),
        _with(0, b"label of a disk\n"),
        # Compressed data, but not from its start.
        _with(512, b"\x1f\x8b\x08"),
    ],
)
def test_raw_disk_matches_no_signature(tmp_path: Path, content: Callable[[], bytes]) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(content())

    with open_image(path) as file:
        assert inspect(file, path).found is None


def test_content_with_control_characters_is_not_text() -> None:
    assert is_text(b"a\tb\r\n\f\x1b[0m")
    assert not is_text(b"a\x00b")
    assert not is_text(b"a\x07b")
