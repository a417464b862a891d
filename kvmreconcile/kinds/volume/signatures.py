"""
Recognize the type of a file by its signature.

Each row has a format, the offset of its signature, and what to do about such a file where a disk image is
expected. References in a file are not followed, since the file may be malicious.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_DECOMPRESS = "decompress it, and specify the new file: {0} <FILE >NEW"
_FETCH = (
    "specify a disk image; if this file was downloaded, download it again (the server may have "
    "returned a page or an error message instead)"
)
_NAME_DISK = "specify the disk image of the guest instead of its saved memory"
_CONVERT = "convert it, and specify the new file: qemu-img convert -f {0} -O raw FILE NEW"
_UNPACK = "specify a disk image (if the file contains one, unpack it first)"
_QEMU = "QEMU, block/{}.c"


@dataclass(frozen=True, slots=True)
class Signature:
    """
    The signature of a format.

    Attributes:
        name: The format with its article, for messages.
        at: Offset of the signature; negative offsets count from the end of the file.
        mark: The bytes of the signature.
        source: Where the format is defined.
        todo: What to do about such a file where a disk image is expected. Commands contain FILE, NEW and
            DIRECTORY as placeholders for the file, a new file, and the file's directory.
        format: libvirt's name of the format; "" if it is not a format of disk images.
        external: The part of such an image that is always in another file; "" if there is none.
        folded: Whether leading white space and upper case are ignored. If true, `mark` is in lower case.
    """

    name: str
    at: int
    mark: bytes
    source: str
    todo: str
    format: str = ""
    external: str = ""
    folded: bool = False


def _image(name: str, at: int, mark: bytes, source: str, form: str) -> Signature:
    return Signature(name, at, mark, source, _CONVERT.format(form), form)


def _compressed(name: str, mark: bytes, source: str, command: str, at: int = 0) -> Signature:
    return Signature(name, at, mark, source, _DECOMPRESS.format(command))


def _archive(name: str, mark: bytes, source: str, at: int = 0) -> Signature:
    return Signature(name, at, mark, source, _UNPACK)


SIGNATURES = (
    _image("a qcow image", 0, b"QFI\xfb\x00\x00\x00\x01", _QEMU.format("qcow"), "qcow"),
    _image("a qcow2 image", 0, b"QFI\xfb", "QEMU, docs/interop/qcow2.txt", "qcow2"),
    _image("a QED image", 0, b"QED\x00", "QEMU, docs/interop/qed_spec.rst", "qed"),
    _image("a VMDK image", 0, b"KDMV", _QEMU.format("vmdk"), "vmdk"),
    _image("a VMDK image", 0, b"COWD", _QEMU.format("vmdk"), "vmdk"),
    Signature(
        "a VMDK image's description",
        0,
        b"# Disk DescriptorFile",
        _QEMU.format("vmdk"),
        _CONVERT.format("vmdk"),
        "vmdk",
        external="an extent file",
    ),
    _image("a VDI image", 0x40, b"\x7f\x10\xda\xbe", _QEMU.format("vdi"), "vdi"),
    _image("a VHD image", 0, b"conectix", _QEMU.format("vpc"), "vpc"),
    # An image of fixed size has its signature only at the end.
    _image("a VHD image", -512, b"conectix", _QEMU.format("vpc"), "vpc"),
    _image("a VHDX image", 0, b"vhdxfile", _QEMU.format("vhdx"), "vhdx"),
    _image("a Bochs image", 0, b"Bochs Virtual HD Image", _QEMU.format("bochs"), "bochs"),
    _image("a Parallels image", 0, b"WithoutFreeSpace", _QEMU.format("parallels"), "parallels"),
    _image("a Parallels image", 0, b"WithouFreSpacExt", _QEMU.format("parallels"), "parallels"),
    _image("a cow image", 0, b"OOOM\x00\x00\x00\x02", "libvirt, storage_file_probe.c", "cow"),
    _image("a cloop image", 0, b"#!/bin/sh\n#V2.0 Format\n", _QEMU.format("cloop"), "cloop"),
    _image("a DMG image", -512, b"koly", _QEMU.format("dmg"), "dmg"),
    _compressed("gzip data", b"\x1f\x8b", "RFC 1952, 2.3.1", "gzip -dc"),
    _compressed("xz data", b"\xfd7zXZ\x00", "https://tukaani.org/xz/xz-file-format.txt", "xz -dc"),
    _compressed("LZMA data", b"\x5d\x00\x00\x80\x00", "xz(1), --format=lzma", "xz --format=lzma -dc"),
    _compressed("Zstandard data", b"\x28\xb5\x2f\xfd", "RFC 8878, 3.1.1", "zstd -dc"),
    Signature(
        "Zstandard or LZ4 data",
        1,
        b"\x2a\x4d\x18",
        "RFC 8878, 3.1.2",
        "decompress it with zstd or lz4, and specify the new file",
    ),
    _compressed("bzip2 data", b"BZh", "bzip2(1)", "bzip2 -dc"),
    _compressed("LZ4 data", b"\x04\x22\x4d\x18", "LZ4 Frame Format Description", "lz4 -dc"),
    _compressed("LZ4 data", b"\x02\x21\x4c\x18", "LZ4 Frame Format Description", "lz4 -dc"),
    _compressed("lzip data", b"LZIP", "https://www.nongnu.org/lzip/manual", "lzip -dc"),
    _compressed("lzop data", b"\x89LZO\x00\x0d\x0a\x1a\x0a", "lzop(1)", "lzop -dc"),
    _compressed("compress data", b"\x1f\x9d", "compress(1)", "gzip -dc"),
    _archive("a ZIP archive", b"PK\x03\x04", "APPNOTE.TXT, 4.3.7"),
    _archive("a 7z archive", b"7z\xbc\xaf\x27\x1c", "7zFormat.txt"),
    _archive("a RAR archive", b"Rar!\x1a\x07", "RAR 5.0 archive format"),
    _archive("a tar archive, such as an OVA", b"ustar", "POSIX, pax", at=257),
    Signature(
        "a WIM archive",
        0,
        b"MSWIM\x00\x00\x00",
        "Windows Imaging File Format",
        "it contains files and no disk: apply it to a disk image, and specify the disk image",
    ),
    _archive("an RPM package", b"\xed\xab\xee\xdb", "RPM file format"),
    _archive("an ar archive, such as a Debian package", b"!<arch>\n", "ar(5)"),
    Signature(
        "an Android sparse image",
        0,
        b"\x3a\xff\x26\xed",
        "AOSP, libsparse/sparse_format.h",
        "convert it, and specify the new file: simg2img FILE NEW",
    ),
    Signature(
        "a partclone image",
        0,
        b"partclone-image",
        "partclone, IMAGE_FORMATS.md",
        "restore it, and specify the new file: partclone.restore --restore_raw_file -s FILE -o NEW",
    ),
    Signature("a PDF document", 0, b"%PDF-", "ISO 32000-1, 7.5.2", _FETCH),
    Signature("the saved memory of a guest", 0, b"LibvirtQemud", "libvirt, qemu_saveimage.h", _NAME_DISK),
    Signature(
        "a Git LFS pointer",
        0,
        b"version https://git-lfs.github.com/spec/",
        "git-lfs, docs/spec.md",
        "keep the file out of LFS, or fetch it (not possible with git.url): git -C DIRECTORY lfs pull",
    ),
    Signature(
        "a git-annex pointer",
        0,
        b"/annex/objects/",
        "git-annex, internals/pointer_file",
        "keep the file out of git-annex, or fetch it (not possible with git.url): git -C DIRECTORY annex get FILE",
    ),
    *(
        Signature("an HTML page", 0, mark, "https://mimesniff.spec.whatwg.org", _FETCH, folded=True)
        for mark in (b"<!doctype html", b"<html", b"<head", b"<body", b"<title", b"<script")
    ),
    Signature("an XML document", 0, b"<?xml", "https://mimesniff.spec.whatwg.org", _FETCH, folded=True),
)
"""Signatures of files that are not raw disks. The first matching row is used."""
TEXT = Signature("text", 0, b"", "https://mimesniff.spec.whatwg.org/#binary-data-byte", _FETCH)
"""Signature of a file that contains only text."""
HEAD = 0x200
"""Every signature is within this number of bytes from the start or the end."""

_BYTE_ORDER_MARKS: Mapping[bytes, str] = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_UTF_8_MARK = b"\xef\xbb\xbf"
_NO_TEXT = bytes({*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F})
"""Bytes that do not occur in text, in UTF-8 or any 8-bit encoding."""


def recognize(head: bytes, tail: bytes) -> Signature | None:
    """
    Return the first matching signature of a file; None if no signature matches.

    Args:
        head: The first `HEAD` bytes of the file or more; the whole file if it is shorter.
        tail: The last `HEAD` bytes of the file or more; the whole file if it is shorter.
    """
    folded = head.removeprefix(_UTF_8_MARK).lstrip().lower()
    return next(
        (row for row in SIGNATURES if _has_signature(row, folded if row.folded else head, tail)), None
    )


def _has_signature(row: Signature, head: bytes, tail: bytes) -> bool:
    if row.at < 0:
        return len(tail) >= -row.at and tail[row.at :].startswith(row.mark)
    return head[row.at :].startswith(row.mark)


def is_text(part: bytes) -> bool:
    """Return whether part of a file contains only text."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if part.startswith(mark)), None)
    if encoding:
        part = part.decode(encoding, "ignore").encode()
    return len(part.translate(None, _NO_TEXT)) == len(part)
