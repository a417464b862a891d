"""
What a domain claims for itself alone on its host.

Source: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.tree import Identity, Node, Table

PCI = ("domain", "bus", "slot", "function")
"""What a PCI address is made of."""
_LINKS = ("source/@network", "source/@bridge", "source/@dev")
_HARD = (None, "disk", "lun")
_SHARED = ("readonly", "shareable", "source/slices")
"""What says that others may use the image as well, or a part of it."""


def _is_its_own(disk: Node) -> bool:
    """Tell whether the guest writes to a disk, and no other guest should."""
    is_backing = disk.get("transient/@shareBacking") == "yes"
    return disk.attr("device") in _HARD and not is_backing and not any(disk.find(path) for path in _SHARED)


def _is_linked(interface: Node) -> bool:
    """Tell whether an interface shares a link with others; if not, as with user networking, its MAC may repeat."""
    return any(interface.get(path) for path in _LINKS)


def _has_cid(vsock: Node) -> bool:
    """Tell whether a vsock has a fixed CID."""
    return vsock.get("cid/@auto") != "yes"


def _is_pci(hostdev: Node) -> bool:
    return hostdev.attr("type") == "pci"


def _disk(*value: str, names: tuple[str, str] | None = None) -> Identity:
    return Identity("disk", value, names=names, when=_is_its_own, proves=True, data=True)


IDENTITIES: Table[tuple[Identity, ...]] = Table(
    {
        "uuid": (Identity("UUID", ("",), proves=True, always=True, unique=True),),
        "devices/disk": (
            _disk("source/@file"),
            _disk("source/@dev"),
            _disk("source/@pool", "source/@volume", names=("Volume", "target/path")),
            # Of a network disk, the same name on another server is another disk; Ceph may have its servers elsewhere.
            _disk("source/@protocol", "source/@name", "source/host/@name"),
            _disk("source/@protocol", "source/@name"),
        ),
        "devices/interface": (
            Identity(
                "MAC address",
                ("mac/@address",),
                scope=_LINKS,
                within="network, bridge or device",
                when=_is_linked,
            ),
        ),
        "os/nvram": (Identity("NVRAM file", ("",), proves=True, always=True),),
        "devices/vsock": (Identity("vsock CID", ("cid/@address",), when=_has_cid),),
        "devices/hostdev": (
            Identity("PCI device", tuple(f"source/address/@{part}" for part in PCI), when=_is_pci),
        ),
        "devices/tpm": (
            Identity("TPM", ("backend/device/@path",)),
            # Where none is named, libvirt keeps it by the UUID. In the schema from libvirt 10.10.
            Identity("TPM state", ("backend/source/@path",), proves=True, always=True),
        ),
    }
)
