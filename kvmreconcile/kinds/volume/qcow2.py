"""
Read the header of a qcow2 image, and find damage.

Only the header and a limited part of the tables that it points to are read. References to other files are
not followed. Source: docs/interop/qcow2.txt of QEMU; the limits are from its block/qcow2.h.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Read = Callable[[int, int], bytes]
"""Returns bytes of a file, by offset and length; fewer only at the end of the file."""

_MAGIC = b"QFI\xfb"
SHORTEST = 72
"""Size of the header of version 2, in bytes."""
HEADER = 112
"""Bytes of the header that are read; in version 3 the header has at least 104, and contains its length."""
_CLUSTER_BITS = range(9, 22)
_L1_BYTES = 32 << 20
_REFCOUNT_TABLE_BYTES = 8 << 20
_PART = 1 << 20
"""Maximum number of bytes of a table that are read."""
_OFFSET = 0x00FFFFFFFFFFFE00
_COMPRESSED, _ZERO = 1 << 62, 1
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED = (1 << bit for bit in range(5))
_KNOWN = _DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | _EXTENDED


@dataclass(frozen=True, slots=True)
class Header:
    """
    The fields of a header.

    Offsets and sizes are in bytes, sizes of tables in entries, and the size of the refcount table in
    clusters.
    """

    version: int
    backing: int
    cluster_bits: int
    capacity: int
    l1_entries: int
    l1: int
    refcounts: int
    refcount_clusters: int
    snapshots: int
    features: int
    refcount_order: int
    length: int

    @property
    def cluster(self) -> int:
        """Size of a cluster, in bytes."""
        return 1 << self.cluster_bits

    @property
    def shortest(self) -> int:
        """Minimum length of a header of this version, in bytes."""
        return SHORTEST if self.version < 3 else 104

    @property
    def external(self) -> str:
        """The part of the image that is in another file; "" if there is none."""
        if self.backing:
            return "a backing file"
        return "a data file" if self.features & _DATA_FILE else ""


def read_header(start: bytes) -> Header:
    """
    Parse the header of an image.

    Args:
        start: The first bytes of the image, at least `SHORTEST` bytes.
    """

    def number(at: int, length: int) -> int:
        return int.from_bytes(start[at : at + length], "big")

    is_old = number(4, 4) < 3
    return Header(
        version=number(4, 4),
        backing=number(8, 8),
        cluster_bits=number(20, 4),
        capacity=number(24, 8),
        l1_entries=number(36, 4),
        l1=number(40, 8),
        refcounts=number(48, 8),
        refcount_clusters=number(56, 4),
        snapshots=number(64, 8) if number(60, 4) else 0,
        features=0 if is_old else number(72, 8),
        refcount_order=4 if is_old else number(96, 4),
        length=SHORTEST if is_old else number(100, 4),
    )


def find_header_damage(start: bytes, size: int) -> str:
    """
    Return why QEMU cannot open an image, as far as its header shows; "" if the header has no damage.

    Args:
        start: The first bytes of the file.
        size: Size of the whole file, in bytes.
    """
    if not start.startswith(_MAGIC[: len(start)]):
        return "it does not begin with the qcow2 magic number"
    if len(start) < SHORTEST or len(start) < read_header(start).shortest:
        return f"it ends after {len(start)} bytes, within its header"
    return next(_header_problems(read_header(start), size), "")


def _header_problems(header: Header, size: int) -> Iterator[str]:
    if header.version not in (2, 3):
        yield f"it has version {header.version}, but only versions 2 and 3 are supported"
    if header.cluster_bits not in _CLUSTER_BITS:
        yield f"its clusters have 2^{header.cluster_bits} bytes, but 2^9 to 2^21 are allowed"
    if unknown := header.features & ~_KNOWN:
        bits = ", ".join(str(bit) for bit in range(64) if unknown >> bit & 1)
        yield f"its header has unknown incompatible feature bits: {bits}"
    if header.features & _CORRUPT:
        yield "it is marked as corrupt"
    if not header.shortest <= header.length <= min(header.cluster, size):
        yield f"its header length of {header.length} bytes is not valid"
    if header.refcount_order > 6:
        yield f"its reference counts have 2^{header.refcount_order} bits, but at most 2^6 are allowed"
    yield from _table_problems(header, size)


def _table_problems(header: Header, size: int) -> Iterator[str]:
    """Yield the tables that have an invalid size or lie outside the file."""
    entries = header.cluster >> (4 if header.features & _EXTENDED else 3)
    needed = -(-header.capacity // (header.cluster * entries))
    if needed * 8 > _L1_BYTES:
        yield (
            f"its virtual size of {header.capacity} bytes exceeds what QEMU can address with clusters "
            f"of {header.cluster} bytes"
        )
    if header.l1_entries * 8 > _L1_BYTES:
        yield f"its L1 table of {header.l1_entries} entries is larger than {_L1_BYTES >> 20} MiB"
    if header.l1_entries < needed:
        yield f"its virtual size of {header.capacity} bytes exceeds what its tables can address"
    if header.l1_entries and not _is_inside(header.l1, header.l1_entries * 8, header, size):
        yield "its L1 table has an invalid offset or length"
    if header.refcount_clusters << header.cluster_bits > _REFCOUNT_TABLE_BYTES:
        yield f"its refcount table of {header.refcount_clusters} clusters is larger than {_REFCOUNT_TABLE_BYTES >> 20} MiB"
    if not header.refcount_clusters or not _is_inside(header.refcounts, 8, header, size):
        yield "its refcount table is missing or has an invalid offset"
    if header.snapshots and not _is_inside(header.snapshots, 8, header, size):
        yield "its snapshot table has an invalid offset"


def _is_inside(at: int, length: int, header: Header, size: int) -> bool:
    return at % header.cluster == 0 and header.cluster <= at and at + length <= size


def find_truncation(read: Read, start: bytes, size: int) -> str:
    """
    Return a message if an image uses data beyond the end of its file; "" if a limited check finds none.

    Args:
        read: Reads bytes of the file, by offset and length.
        start: The first bytes of an image whose header has no damage.
        size: Size of the whole file, in bytes.
    """
    header = read_header(start)
    l1 = read(header.l1, min(header.l1_entries * 8, _PART))
    tables = sorted({word & _OFFSET for word in _words(l1)} - {0})
    if any(at >= size or at % header.cluster for at in tables):
        return "its L1 table has an entry with an invalid offset, or the file is incomplete"
    # Reference counts alone prove nothing: QEMU itself counts unused clusters beyond the end (7.2, falloc).
    if _last_cluster(read, header, size) << header.cluster_bits < size:
        return ""
    latest = tables[-max(_PART >> header.cluster_bits, 1) :]
    end = max(
        (_end(word, header) for at in latest for word in _entries(read(at, header.cluster), header)),
        default=0,
    )
    return (
        f"it is incomplete: it uses at least {end} bytes, but the file has only {size}" if end > size else ""
    )


def _words(table: bytes) -> Iterator[int]:
    return (int.from_bytes(table[at : at + 8], "big") for at in range(0, len(table), 8))


def _entries(table: bytes, header: Header) -> Iterator[int]:
    """Yield the entries of an L2 table. The bitmaps of extended tables are skipped."""
    step = 2 if header.features & _EXTENDED else 1
    return (word for index, word in enumerate(_words(table)) if index % step == 0)


def _end(word: int, header: Header) -> int:
    """Return one more than the offset at which the data of an L2 table entry begins; 0 if it has no data."""
    if word & _COMPRESSED:
        return (word & ((1 << (70 - header.cluster_bits)) - 1)) + 1
    return 0 if word & _ZERO or not word & _OFFSET else (word & _OFFSET) + 1


def _last_cluster(read: Read, header: Header, size: int) -> int:
    """Return the number of the last cluster in use, according to the reference counts."""
    table = read(header.refcounts, min(header.refcount_clusters << header.cluster_bits, _PART)).rstrip(b"\0")
    index = max(len(table) - 1, 0) // 8
    block = int.from_bytes(table[index * 8 :].ljust(8, b"\0")[:8], "big") & _OFFSET
    if block >= size:
        return block >> header.cluster_bits
    counts = read(block, header.cluster).rstrip(b"\0") if block else b""
    per_block = (header.cluster * 8) >> header.refcount_order
    return index * per_block + ((max(len(counts) - 1, 0) * 8) >> header.refcount_order)
