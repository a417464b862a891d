"""Directories of the host that a guest mounts."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_value, is_card, needs_port
from kvmreconcile.kinds.domain.devices.naming import DeviceAlias
from kvmreconcile.kinds.domain.member_keys import ADVICE, ALIAS, PLACE, Keys
from kvmreconcile.kinds.domain.section import HostFile, NameSource, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Obstacle
from kvmreconcile.schema.codecs import PRESENT, WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath
from kvmreconcile.tree import Change, Members, Node, Owner, Rules, Scalar, Table
from kvmreconcile.tree.scalars import octal


class Filesystem(Element):
    """A directory of the host that the guest can mount."""

    name: DeviceAlias = None
    source: Annotated[
        AbsolutePath,
        At("source/@dir", also=(("@type", "mount"),)),
        Field(description="Directory on the host."),
    ]
    target: Annotated[
        str,
        At("target/@dir"),
        Field(min_length=1, description="Mount tag: the name by which the guest mounts the directory."),
    ]
    driver: Annotated[
        Literal["path", "handle", "virtiofs"] | None,
        At("driver/@type"),
        Field(
            description=(
                'Driver: "path" is 9p; "virtiofs" is faster, and requires shared memory '
                '(`memoryBacking`). Defaults to "path".'
            )
        ),
    ] = None
    queue: Annotated[
        int | None,
        At("driver/@queue", WHOLE),
        Field(ge=1, description="Queue size of virtiofs, a power of 2. Defaults to QEMU's choice."),
    ] = None
    cache: Annotated[
        Literal["none", "always"] | None,
        At("binary/cache/@mode"),
        Field(
            description=(
                'Cache mode of virtiofs: "always" assumes that no other process changes the files. Defaults to '
                "virtiofsd's choice."
            )
        ),
    ] = None
    access_mode: Annotated[
        Literal["passthrough", "mapped", "squash"] | None,
        At("@accessmode"),
        Field(
            description="Security mode: the user rights with which files are accessed. Defaults to libvirt's choice."
        ),
    ] = None
    readonly: Annotated[
        bool | None,
        At("readonly", PRESENT),
        Field(description="Whether the directory is read-only for the guest. Defaults to false."),
    ] = None


class FilesystemFields(Spec):
    """Field of Domain for shared directories."""

    filesystems: Annotated[
        list[Filesystem] | None,
        At("devices/filesystem"),
        Field(
            description=(
                "Shared directories. The list is complete: unlisted directories are removed. "
                "Defaults to the actual directories."
            )
        ),
    ] = None


def _shares_memory(change: Change, domain: Node) -> bool:
    """Return whether a virtiofs directory can be attached or detached: its process needs shared guest memory."""
    cells = {cell.attr("memAccess") for cell in domain.all("cpu/numa/cell")}
    is_seen = domain.get("memoryBacking/access/@mode") == "shared" or "shared" in cells
    return is_seen and has_value("driver/@type", "virtiofs")(change, domain)


_KEYS: Keys = (("target/@dir",), ("source/@dir",))
VIRTIOFSD = Obstacle(
    "it needs virtiofsd, which libvirt does not find on the host",
    "install it (Debian 13, Fedora, RHEL: virtiofsd; Debian 12: qemu-system-common)",
)


def needs_virtiofsd(domain: Node) -> bool:
    """Return whether libvirt must find virtiofsd itself: the definition gives no binary and no socket."""
    shares = domain.all("devices/filesystem")
    return any(
        s.get("driver/@type") == "virtiofs"
        and s.get("binary/@path") is None
        and s.get("source/@socket") is None
        for s in shares
    )


SECTION = Section(
    FilesystemFields,
    Rules(
        members=Table(
            {
                "": Members(
                    (ALIAS, ("target/@dir",)),
                    Owner.SPEC,
                    fallback=_KEYS,
                    running=(ALIAS, ("target/@dir", "source/@dir"), (*PLACE, "source/@dir")),
                    advice=ADVICE.format("target"),
                )
            }
        ),
        scalars=Table({"@fmode": Scalar(octal), "@dmode": Scalar(octal)}),
        actions=Table({"": attach_and_detach(needs_port(_shares_memory))}),
    ).below("devices/filesystem"),
    files=(HostFile("devices/filesystem", "source/@dir", "directory"),),
    takes_port={"filesystem": is_card},
    names={"filesystem": NameSource(("target/@dir",), "share")},
)
