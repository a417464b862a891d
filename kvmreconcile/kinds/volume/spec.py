"""What users write about a volume."""

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
class Reference:
    """A reference: "pool/name" in YAML, in XML two attributes that the driver turns into a path, and back."""

    def put(self, builder: ElementBuilder, _path: str, value: Any) -> None:
        """Write a volume's name."""
        pool, _, name = str(value).partition("/")
        builder.put("@pool", pool)
        builder.put("@volume", name)

    def take(self, node: Node, _path: str) -> tuple[Any, tuple[str, ...]]:
        """Return a volume's name and what it covers; None for a file that is no volume."""
        pool, name = node.attr("pool"), node.attr("volume")
        return (f"{pool}/{name}", ("@pool", "@volume")) if pool and name else (None, ())


def _one_slash(text: str) -> str:
    if text.count("/") > 1 or text.startswith("/") or text.endswith("/"):
        raise ValueError('a volume is "name", or "pool/name" for one of another pool')
    return text


class Checksum(Spec):
    """What identifies the bytes of a file."""

    sha256: Annotated[
        str,
        Field(
            pattern="^[0-9A-Fa-f]{64}$",
            description="SHA-256 of the whole file, 64 hexadecimal digits, as `sha256sum` prints it.",
        ),
    ]


class Content(Spec):
    """The file that a new volume starts as a copy of."""

    file: Annotated[
        str,
        Field(
            min_length=1,
            description="Path of an image on the machine that kvmreconcile runs on, relative to the spec's "
            "directory. Read once, when the volume is made; later changes to it mean nothing.",
        ),
    ]
    format: Annotated[
        Format | None,
        Field(
            description="Format of the image, which becomes the volume's: nothing is converted. It is checked "
            "against the image. Defaults to the volume's format."
        ),
    ] = None
    content_format: Annotated[
        Literal["any"] | None,
        Field(
            description='"any" writes the bytes as they are, and takes the format "raw" or "iso". Without it a '
            "file that is no disk image is refused: compressed data, an archive, a Git LFS pointer, an HTML page, "
            'text, an image of another format, and for "iso" what has no file system of a disc. Defaults to none.'
        ),
    ] = None
    checksum: Annotated[
        Checksum | None,
        Field(
            description="Object. A file with another checksum is refused; one with this is written as it is, as "
            "with `contentFormat: any`. Defaults to none."
        ),
    ] = None


class Backing(Spec):
    """The volume that a new one is a difference to."""

    volume: Annotated[
        str,
        StringConstraints(min_length=1, max_length=511, pattern=r"^[^\x00-\x1f]+$"),
        AfterValidator(_one_slash),
        At("", Reference()),
        Field(
            description='Name of a volume of the same pool, or "pool/name". It must not change as long as '
            "others build on it, and is not removed before them."
        ),
    ]
    format: Annotated[
        Format | None,
        At("format/@type"),
        Field(description="Format of the backing volume. Defaults to what that volume has."),
    ] = None


class Permissions(Spec):
    """Who may do what with the volume's file."""

    mode: Annotated[
        str | None,
        At("mode"),
        Field(
            pattern=r"^[0-7]{1,5}$",
            description='Octal number as text, such as "0600". Quote it, lest YAML read a number. Defaults to "0600".',
        ),
    ] = None
    owner: Annotated[
        int | None,
        At("owner", WHOLE),
        Field(
            ge=0,
            description="Number of a user. Counts at birth only, since libvirt hands the file to running guests. Defaults to 0.",
        ),
    ] = None
    group: Annotated[
        int | None,
        At("group", WHOLE),
        Field(ge=0, description="Number of a group. Counts at birth only, as owner. Defaults to 0."),
    ] = None


class VolumeSpec(ObjectSpec):
    """A disk image or an ISO in a storage pool. But for its capacity, what is said of a volume counts at birth."""

    pool: Annotated[Name, At("@pool"), Field(description="Name of the storage pool. Cannot be changed.")]
    capacity: Annotated[
        Size | None,
        At("capacity", Bytes("bytes")),
        Field(
            description="Size. What a guest sees. Grows at once, even under a running guest; to make it less "
            "would destroy data and is held. Defaults to what source or backing has."
        ),
    ] = None
    allocation: Annotated[
        Size | None,
        At("allocation", Bytes("bytes")),
        Field(
            description='Size. How much space is allocated when the volume is created; "0B" for none. Not compared '
            "later. Without `source`, defaults to libvirt's choice: all of a raw volume, little of other formats. With "
            '`source`, defaults to "0B", and is ignored unless the image is raw.'
        ),
    ] = None
    format: Annotated[
        Format | None,
        At("target/format/@type"),
        Field(
            description="How the bytes are kept. A change destroys the data and is held. Defaults to what it is; "
            'a new volume in a directory is "raw" if its name ends in ".iso" or ".raw", and else "qcow2"; elsewhere it is '
            "what the pool has."
        ),
    ] = None
    source: Annotated[
        Content | None, Field(description="Object. What a new volume starts as. Defaults to an empty one.")
    ] = None
    backing: Annotated[
        Backing | None,
        At("backingStore"),
        Field(description="Object. What a new qcow2 volume is a difference to. Defaults to nothing."),
    ] = None
    permissions: Annotated[
        Permissions | None,
        At("target/permissions"),
        Field(description="Object. Of the file. A change of the mode takes a new volume and is held."),
    ] = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.capacity is None and not (self.source or self.backing or self.xml):
            raise ValueError(
                'a volume needs a capacity, such as "10GiB", or a source or backing that has one'
            )
        if self.source and self.backing:
            raise ValueError("a volume has a source or a backing, not both")
        if self.source and self.source.format and self.format not in (None, self.source.format):
            raise ValueError(
                f"images are not converted: source.format is {self.source.format}, but format is {self.format}; set "
                "both to the format that the file has, if need be after converting it with qemu-img"
            )
        if self.source and self.source.content_format and self._content not in ("raw", "iso"):
            raise ValueError('"source.contentFormat: any" requires "format: raw" or "format: iso"')
        return self

    @property
    def _content(self) -> Format | None:
        """Which format the volume has from the start, None where the spec does not say it."""
        return (self.source.format if self.source else None) or self.format
