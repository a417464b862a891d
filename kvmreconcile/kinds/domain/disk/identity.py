"""Rules for the identity of disks, and for the images that only one guest may use."""

from kvmreconcile.kinds.domain.member_keys import ADVICE, ALIAS, PLACE, Keys
from kvmreconcile.tree import Identity, Invisible, Members, Node, Owner, Table

_SOURCES: Keys = (
    ("source/@file",),
    ("source/@dev",),
    ("source/@pool", "source/@volume"),
    ("source/@protocol", "source/@name"),
    ("source/@dir",),
)
"""What a disk is on."""
_HARD = (None, "disk", "lun")

_SHARED = ("readonly", "shareable", "source/slices")
"""What says that others may use the image as well, or a part of it."""


def _is_its_own(disk: Node) -> bool:
    """Return whether the guest writes to a disk, and no other guest should."""
    is_backing = disk.get("transient/@shareBacking") == "yes"
    return disk.attr("device") in _HARD and not is_backing and not any(disk.find(path) for path in _SHARED)


def _disk(*value: str, names: tuple[str, str] | None = None) -> Identity:
    return Identity("disk", value, names=names, when=_is_its_own, proves=True, data=True)


MEMBERS = Members(
    (ALIAS, ("target/@dev",)),
    Owner.SPEC,
    # What is in a drive comes and goes, and does not identify the drive.
    fallback=(
        ("target/@dev",),
        *(("@device=disk|lun|", *source) for source in _SOURCES),
        ("@device=cdrom", "target/@bus"),
        ("@device=cdrom",),
        ("@device=floppy",),
    ),
    # Targets that are counted through again: the disk that would be unplugged is there under another one.
    claims=tuple(("@device=disk|lun|", *source) for source in _SOURCES),
    running=(
        ALIAS,
        *((*PLACE, *source) for source in _SOURCES),
        *(("target/@dev", *source) for source in _SOURCES),
    ),
    advice=ADVICE.format("target"),
)
IDENTITIES = (
    _disk("source/@file"),
    _disk("source/@dev"),
    _disk("source/@pool", "source/@volume", names=("Volume", "target/path")),
    # Of a network disk, the same name on another server is another disk; Ceph may have its servers elsewhere.
    _disk("source/@protocol", "source/@name", "source/host/@name"),
    _disk("source/@protocol", "source/@name"),
)


def _is_alias_hidden(disk: Node) -> bool:
    """
    Return whether the guest does not see by what name libvirt knows a disk.

    A SCSI disk without a serial number shows it: `/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-ua-NAME`
    (qemuBuildDiskDeviceProps in libvirt's src/qemu/qemu_command.c, `device_id`).
    """
    return disk.get("target/@bus") != "scsi" or bool(disk.get("serial"))


HIDDEN_ALIAS = Table({path: Invisible(".", _is_alias_hidden) for path in ("alias", "alias/@name")})
