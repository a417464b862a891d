"""Fields of a volume's spec."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from kvmreconcile.kinds.kind import ObjectSpec, Spec
from kvmreconcile.schema.codecs import WHOLE, Bytes, ElementBuilder
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Name, Size
from kvmreconcile.tree import Node

Format = Literal[
    "raw", "qcow2", "iso", "qcow", "qed", "vmdk", "vdi", "vpc", "bochs", "cloop", "dmg", "cow"
]  # fmt: skip
"""Formats of files that libvirt knows. Source: https://libvirt.org/storage.html#file-volume-formats"""


@dataclass(frozen=True, slots=True)
class VolumeReference:
    """
    A reference to a volume: "pool/name" in YAML, and two attributes in XML.

    The driver converts the attributes to a path.
    """

    def put(self, builder: ElementBuilder, _path: str, value: Any) -> None:
        """Write a volume's name."""
        pool, _, name = str(value).partition("/")
        builder.put("@pool", pool)
        builder.put("@volume", name)

    def take(self, node: Node, _path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the name of a volume ("pool/name"), and the paths of its parts; None if there is no name."""
        pool, name = node.attr("pool"), node.attr("volume")
        return (f"{pool}/{name}", ("@pool", "@volume")) if pool and name else (None, ())


def _one_slash(text: str) -> str:
    if text.count("/") > 1 or text.startswith("/") or text.endswith("/"):
        raise ValueError('write a volume as "name", or as "pool/name" for a volume in another pool')
    return text


class Checksum(Spec):
    """The checksum of a file."""

    sha256: Annotated[
        str,
        Field(
            pattern="^[0-9A-Fa-f]{64}$",
            description="SHA-256 of the whole file, 64 hexadecimal digits, as `sha256sum` prints it.",
        ),
    ]


class VolumeContent(Spec):
    """The file from which a new volume is filled."""

    file: Annotated[
        str,
        Field(
            min_length=1,
            description=(
                "Path of an image file on the machine on which kvmreconcile runs, relative to the spec's "
                "directory. The file is read once, when the volume is created; later changes to the file "
                "are ignored."
            ),
        ),
    ]
    format: Annotated[
        Format | None,
        Field(
            description=(
                "Format of the image and of the volume; images are not converted. The image must have "
                "this format. Defaults to the volume's format."
            )
        ),
    ] = None
    content_format: Annotated[
        Literal["any"] | None,
        Field(
            description=(
                '"any" writes the bytes of the file unchanged, and requires the format "raw" or "iso". '
                "Otherwise, files that are not disk images are refused: compressed data, archives, Git "
                'LFS pointers, HTML pages, text, images of another format and, for "iso", files without '
                "a CD or DVD file system. Defaults to none."
            )
        ),
    ] = None
    checksum: Annotated[
        Checksum | None,
        Field(
            description=(
                "Checksum of the file. A file with another checksum is refused. A file with this "
                "checksum is written unchanged, as with `contentFormat: any`. Defaults to none."
            )
        ),
    ] = None


class Backing(Spec):
    """The backing volume of a new volume."""

    volume: Annotated[
        str,
        StringConstraints(min_length=1, max_length=511, pattern=r"^[^\x00-\x1f]+$"),
        AfterValidator(_one_slash),
        At("", VolumeReference()),
        Field(
            description=(
                'Name of a volume in the same pool, or "pool/name". The content of this volume must not '
                "change while other volumes are based on it. It is removed only after these volumes."
            )
        ),
    ]
    format: Annotated[
        Format | None,
        At("format/@type"),
        Field(description="Format of the backing volume. Defaults to its actual format."),
    ] = None


class VolumePermissions(Spec):
    """Owner, group and mode of the volume's file."""

    mode: Annotated[
        str | None,
        At("mode"),
        Field(
            pattern=r"^[0-7]{1,5}$",
            description='Mode of the file, an octal number as text, such as "0600". Quote it, since YAML reads it as a number otherwise. Defaults to "0600".',
        ),
    ] = None
    owner: Annotated[
        int | None,
        At("owner", WHOLE),
        Field(
            ge=0,
            description=(
                "User ID, a number. Used at creation only, since libvirt changes the owner while a guest "
                "is running. Defaults to 0."
            ),
        ),
    ] = None
    group: Annotated[
        int | None,
        At("group", WHOLE),
        Field(ge=0, description="Group ID, a number. Used at creation only, like `owner`. Defaults to 0."),
    ] = None


class VolumeSpec(ObjectSpec):
    """
    A disk image or an ISO image in a storage pool.

    Except for `capacity`, fields are used when the volume is created.
    """

    pool: Annotated[Name, At("@pool"), Field(description="Name of the storage pool. Cannot be changed.")]
    capacity: Annotated[
        Size | None,
        At("capacity", Bytes("bytes")),
        Field(
            description=(
                "Size that a guest sees. An increase is applied at once, even to a running guest; a "
                "decrease would destroy data and is held. Defaults to the size of `source` or `backing`."
            )
        ),
    ] = None
    allocation: Annotated[
        Size | None,
        At("allocation", Bytes("bytes")),
        Field(
            description=(
                'Space that is allocated when the volume is created; "0B" allocates none. Ignored '
                'after the creation. With `source`, used only if the image is raw. Defaults to "0B" '
                "with `source`; otherwise to libvirt's choice: the whole capacity for a raw volume, "
                "little space for other formats."
            )
        ),
    ] = None
    format: Annotated[
        Format | None,
        At("target/format/@type"),
        Field(
            description=(
                "Format of the volume. A change destroys the data and is held. Pools that store no "
                "files determine the format themselves. Defaults to the actual format; for a new "
                'volume in a pool of files, to "raw" if its name ends in ".iso" or ".raw", and to '
                '"qcow2" otherwise.'
            )
        ),
    ] = None
    source: Annotated[
        VolumeContent | None,
        Field(description="File from which a new volume is filled. Defaults to none: the volume is empty."),
    ] = None
    backing: Annotated[
        Backing | None,
        At("backingStore"),
        Field(description="Backing volume of a new qcow2 volume. Defaults to none."),
    ] = None
    permissions: Annotated[
        VolumePermissions | None,
        At("target/permissions"),
        Field(description="Permissions of the file. A change of the mode requires a new volume and is held."),
    ] = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.capacity is None and not (self.source or self.backing or self.xml):
            raise ValueError(
                'a volume needs a "capacity", such as "10GiB", or a "source" or "backing" that determines it'
            )
        if self.source and self.backing:
            raise ValueError('"source" and "backing" cannot be combined; remove one of them')
        if self.source and self.source.format and self.format not in (None, self.source.format):
            raise ValueError(
                f"images are not converted: source.format is {self.source.format}, but format is "
                f"{self.format}; set both to the format of the file; if necessary, first convert the "
                f"file with qemu-img"
            )
        if self.source and self.source.content_format and self._content not in ("raw", "iso"):
            raise ValueError('"source.contentFormat: any" requires "format: raw" or "format: iso"')
        return self

    @property
    def _content(self) -> Format | None:
        """Format of the volume when it is created; None if the spec has none."""
        return (self.source.format if self.source else None) or self.format
