"""Rules that identify disks, and rules for images that only one guest may use."""

from kvmreconcile.kinds.domain.member_keys import ADVICE, ALIAS, PLACE, Keys
from kvmreconcile.tree import Identity, Invisible, Members, Node, Owner, Table

_SOURCES: Keys = (
    ("source/@file",),
    ("source/@dev",),
    ("source/@pool", "source/@volume"),
    ("source/@protocol", "source/@name"),
    ("source/@dir",),
)
"""Sources of a disk."""
_HARD = (None, "disk", "lun")

_SHARED = ("readonly", "shareable", "source/slices")
"""Settings with which other guests may also use the image, or a part of it."""


def _is_its_own(disk: Node) -> bool:
    """Return whether the guest writes to the disk, and no other guest may use it."""
    is_backing = disk.get("transient/@shareBacking") == "yes"
    return disk.attr("device") in _HARD and not is_backing and not any(disk.find(path) for path in _SHARED)


def _disk(*value: str, names: tuple[str, str] | None = None) -> Identity:
    return Identity("disk", value, names=names, when=_is_its_own, proves=True, data=True)


MEMBERS = Members(
    (ALIAS, ("target/@dev",)),
    Owner.SPEC,
    # Media are changed, so they do not identify a drive.
    fallback=(
        ("target/@dev",),
        *(("@device=disk|lun|", *source) for source in _SOURCES),
        ("@device=cdrom", "target/@bus"),
        ("@device=cdrom",),
        ("@device=floppy",),
    ),
    # Targets may be renumbered: the disk that would be unplugged is still there under another target.
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
    # A network disk of the same name on another server is another disk; the servers of Ceph may move.
    _disk("source/@protocol", "source/@name", "source/host/@name"),
    _disk("source/@protocol", "source/@name"),
)


def _is_alias_hidden(disk: Node) -> bool:
    """
    Return whether the alias of a disk is hidden from the guest.

    The guest sees the alias of a SCSI disk without a serial number, as
    `/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-ua-NAME` (qemuBuildDiskDeviceProps in libvirt's
    src/qemu/qemu_command.c, `device_id`).
    """
    return disk.get("target/@bus") != "scsi" or bool(disk.get("serial"))


HIDDEN_ALIAS = Table({path: Invisible(".", _is_alias_hidden) for path in ("alias", "alias/@name")})
