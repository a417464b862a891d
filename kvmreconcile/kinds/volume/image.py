"""
A local image file: what it says of itself, and how its bytes go out without the holes.

Separate from the driver, as none of it concerns libvirt. Only a few bytes of the header are looked at, and
nothing in them is followed: an image may be hostile.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kvmreconcile.errors import HostError, Rejected

RAW = "raw"

# Where each format has its mark. Source: block/*.c of QEMU, bdrv_probe
_MARKS = (
    (0, b"QFI\xfb\x00\x00\x00\x01", "qcow"),
    (0, b"QFI\xfb", "qcow2"),
    (0, b"QED\x00", "qed"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"conectix", "vpc"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"LUKS\xba\xbe", "luks"),
)
_HEADER = 512
# Bits of the header's field "incompatible_features". Source: docs/interop/qcow2.txt of QEMU
_EXTERNAL_DATA_FILE = 1 << 2


@dataclass(frozen=True, slots=True)
class Image:
    """
    What a file says of itself.

    Attributes:
        size: Of the file, in bytes.
        capacity: What a guest would see, in bytes; None where the header is of a format that is not read.
        external: What part of it lies in other files, "" if none does.
    """

    path: Path
    format: str
    size: int
    capacity: int | None
    external: str = ""


def inspect(path: Path) -> Image:
    """
    Read what an image file says of itself.

    Raises:
        Rejected: There is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        todo = 'mend "source.file", or put the file there'
        raise Rejected(f"cannot read {path}: {error.strerror}; {todo}") from None
    if not size:
        raise Rejected(f"{path} is empty; put an image there, or take source out of the spec")
    found = next((name for where, mark, name in _MARKS if header[where:].startswith(mark)), RAW)
    if found == RAW:
        return Image(path, RAW, size, size)
    if found != "qcow2":
        return Image(path, found, size, None)
    return Image(path, found, size, _number(header, 24, 8), _external(header))


def _external(header: bytes) -> str:
    if _number(header, 8, 8):
        return "a backing file"
    is_new = _number(header, 4, 4) >= 3
    return "a data file" if is_new and _number(header, 72, 8) & _EXTERNAL_DATA_FILE else ""


def _number(header: bytes, at: int, length: int) -> int:
    return int.from_bytes(header[at : at + length], "big")


class Reader:
    """Gives a stream of libvirt the data of a file, and tells it where there is none."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._descriptor = file.fileno()
        self._size = size

    def read(self, _stream: object, length: int, _opaque: object) -> bytes:
        """Return the next bytes."""
        return os.read(self._descriptor, length)

    def extent(self, _stream: object, _opaque: object) -> tuple[bool, int]:
        """Return whether data comes next, else a hole, and how long it is; (False, 0) at the end."""
        here = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            data = os.lseek(self._descriptor, here, os.SEEK_DATA)
            end = data if data > here else os.lseek(self._descriptor, here, os.SEEK_HOLE)
        except OSError:
            # No data up to the end of the file.
            data = end = self._size
        os.lseek(self._descriptor, here, os.SEEK_SET)
        return data == here and end > here, end - here

    def skip(self, _stream: object, length: int, _opaque: object) -> int:
        """Step over a hole."""
        return os.lseek(self._descriptor, length, os.SEEK_CUR)


@contextmanager
def opened(image: Image) -> Iterator[Reader]:
    """
    Open an image to be sent.

    Raises:
        HostError: It cannot be read, or no longer.
    """
    try:
        with image.path.open("rb", buffering=0) as file:
            yield Reader(file, image.size)
    except OSError as error:
        raise HostError(f"cannot read {image.path}: {error.strerror}; the next pass tries again") from error
