"""
Inspect a local image file, and read its data without the holes.

An image may be malicious. Therefore, only a limited part of the file is inspected, and no reference in it
is followed.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import file_digest
from io import FileIO
from pathlib import Path

from kvmreconcile.errors import HostError, Rejected
from kvmreconcile.kinds.volume import qcow2
from kvmreconcile.kinds.volume.signatures import HEAD, TEXT, Signature, is_text, recognize
from kvmreconcile.model import Obstacle

RAW = "raw"
_PART = 1 << 16
_WHOLE = 1 << 20
"""Largest file, in bytes, that is read completely to detect text."""
_VOLUME_DESCRIPTORS = 0x8001
_DISC_MARKS = (b"CD001", b"BEA01", b"NSR02", b"NSR03")
"""Of ISO 9660 (ECMA-119, 8.1.2) and UDF (ECMA-167, part 2, 9.1.2)."""
_TODO = {
    errno.ENOENT: 'correct "source.file", or create the file '
    "(not in /tmp or /var/tmp: the systemd service has its own)",
    errno.EACCES: (
        "give the user of the kvmreconcile process read access to the file and its directories (in /home "
        "and /root, the systemd service also needs ProtectHome=read-only)"
    ),
}
"""What to do about a system error, by errno."""
_OTHER_ERROR = 'set "source.file" to a regular file that can be read'


@dataclass(frozen=True, slots=True)
class Image:
    """
    Properties of an image file.

    Attributes:
        format: libvirt's name of the format; "raw" if no other format is recognized.
        size: Size of the file, in bytes.
        capacity: Size that a guest sees, in bytes; None for formats whose header is not read.
        external: The part of the image that is in another file; "" if there is none.
        found: The recognized signature; None if no signature is recognized.
        damage: Why QEMU cannot use the image; "" if it can.
        is_disc: Whether the image has a CD or DVD file system.
        version: Size and modification time of the file, to detect later changes.
    """

    path: Path
    format: str
    size: int
    capacity: int | None
    external: str = ""
    found: Signature | None = None
    damage: str = ""
    is_disc: bool = False
    version: tuple[int, int] = (0, 0)


class Unusable(Rejected):
    """A file cannot be used. The attribute `obstacle` has the reason and what to do."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(str(obstacle))
        self.obstacle = obstacle


@contextmanager
def open_image(path: Path, below: Sequence[Path] | None = None) -> Iterator[FileIO]:
    """
    Open an image file for reading.

    Args:
        below: Allowed directories. After symbolic links are resolved, the file must be below one of them.
            None allows all directories.

    Raises:
        Unusable: The file does not exist, cannot be read, or is outside the allowed directories.
    """
    try:
        file = open(path, "rb", buffering=0, opener=_open)  # noqa: SIM115  it is closed below
    except OSError as error:
        raise Unusable(_unreadable(path, error.strerror, error.errno)) from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unusable(_unreadable(path, "it is not a regular file"))
        if below is not None:
            _check_place(file, path, below)
        yield file


def _check_place(file: FileIO, path: Path, below: Sequence[Path]) -> None:
    """
    Check that an open file is below an allowed directory.

    The path of the open file is checked, so that a symbolic link that changes later has no effect.

    Raises:
        Unusable: The file is outside the allowed directories.
    """
    real = Path(f"/proc/self/fd/{file.fileno()}").readlink()
    if not any(real.is_relative_to(directory.resolve()) for directory in below):
        why = f"{path} ({real}) is outside the allowed directories"
        todo = (
            'move the file into the directory of the spec or of a pool of type "dir" that has a spec, or add '
            f'{real.parent} to the setting "sources.directories"'
        )
        raise Unusable(Obstacle(why, todo))


def _unreadable(path: Path, why: str | None, number: int | None = None) -> Obstacle:
    return Obstacle(f"cannot read {path}: {why}", _TODO.get(number or 0, _OTHER_ERROR))


def _open(path: str, flags: int) -> int:
    # Opening a pipe must not block.
    return os.open(path, flags | os.O_NONBLOCK)


def inspect(file: FileIO, path: Path) -> Image:
    """Return the properties of an open image file."""
    read = partial(_read, file.fileno())
    version = _version(file)
    size = version[0]
    head, tail = read(0, _PART), read(max(size - HEAD, 0), HEAD)
    found = recognize(head, tail) or (TEXT if size and _is_all_text(file, size) else None)
    if found is None:
        is_disc = read(_VOLUME_DESCRIPTORS, 5) in _DISC_MARKS
        return Image(path, RAW, size, size, is_disc=is_disc, version=version)
    image = Image(path, found.format or RAW, size, None, found.external, found=found, version=version)
    return _qcow2(image, file) if found.format == "qcow2" else image


def _qcow2(image: Image, file: FileIO) -> Image:
    read, start = partial(_read, file.fileno()), _read(file.fileno(), 0, qcow2.HEADER)
    damage = qcow2.find_header_damage(start, image.size)
    if damage:
        return replace(image, damage=damage)
    header = qcow2.read_header(start)
    damage = "" if header.external else qcow2.find_truncation(read, start, image.size)
    return replace(image, capacity=header.capacity, external=header.external, damage=damage)


def checksum(file: FileIO) -> str:
    """Return the SHA-256 of an open file, as hexadecimal digits."""
    file.seek(0)
    digest = file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _read(descriptor: int, at: int, length: int) -> bytes:
    """Return the bytes of a file at an offset; fewer than `length` only at the end of the file."""
    parts: list[bytes] = []
    while length > 0 and (part := os.pread(descriptor, length, at)):
        parts.append(part)
        at, length = at + len(part), length - len(part)
    return b"".join(parts)


def _is_all_text(file: FileIO, size: int) -> bool:
    """Return whether a file is text. For a large file, only the start, the middle and the end are read."""
    places = (0,) if size <= _WHOLE else (0, size // 2, size - _PART)
    length = _WHOLE if size <= _WHOLE else _PART
    return all(is_text(_read(file.fileno(), at, length)) for at in places)


def extents(file: FileIO) -> Iterator[tuple[int, int]]:
    """Yield the start and end offset of each part of a file that has data. The rest of the file is holes."""
    size, end = os.fstat(file.fileno()).st_size, 0
    while end < size:
        try:
            start = file.seek(end, os.SEEK_DATA)
            end = file.seek(start, os.SEEK_HOLE)
        except OSError:
            return
        yield start, end


class SparseReader:
    """Callbacks through which a sparse stream of libvirt reads the data and the holes of a file."""

    def __init__(self, file: FileIO, size: int) -> None:
        self._descriptor = file.fileno()
        self._size = size

    def read(self, _stream: object, length: int, _opaque: object) -> bytes:
        """Return the next bytes."""
        return os.read(self._descriptor, length)

    def extent(self, _stream: object, _opaque: object) -> tuple[bool, int]:
        """Return whether data follows (otherwise a hole), and the length; (False, 0) at the end of the file."""
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
        """Skip a hole."""
        return os.lseek(self._descriptor, length, os.SEEK_CUR)


def check_unchanged(file: FileIO, image: Image) -> None:
    """
    Check that a file has not changed since it was inspected.

    Raises:
        HostError: The file changed.
    """
    if _version(file) != image.version:
        raise HostError(f"{image.path} changed while it was being copied; wait until the file is complete")


def _version(file: FileIO) -> tuple[int, int]:
    state = os.fstat(file.fileno())
    return state.st_size, state.st_mtime_ns
