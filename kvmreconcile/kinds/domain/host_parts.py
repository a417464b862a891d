"""
Tables of what domains need of their host: components of their own packages, files, and network devices.

A component that libvirt's domain capabilities do not list is missing. libvirt 9.0.0 and 11.3.0 probe for them at each
call, so no daemon need be restarted after a component was installed (measured). They list egl-headless and passt
whether or not these are installed, so those have no row. Pure.
Source: https://libvirt.org/formatdomaincaps.html
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmreconcile.model import Obstacle
from kvmreconcile.tree import Node

_SPICE = "install it (Debian 13: qemu-system-modules-spice), or remove SPICE from the guest"
_QXL = "install it (Debian 13: qemu-system-modules-spice), or set another video model"


@dataclass(frozen=True, slots=True)
class Part:
    """
    A component, and how a definition requests it.

    Attributes:
        where: Path of the attribute with which a definition requests it.
        value: Value of that attribute.
        element: Element of the domain capabilities that has the list.
        listed: Name of the list.
    """

    where: str
    value: str
    element: str
    listed: str
    what: str
    todo: str

    @property
    def obstacle(self) -> Obstacle:
        """Why a domain that needs it cannot be created or started."""
        return Obstacle(f"it needs {self.what}, which libvirt does not find on the host", self.todo)


PARTS = (
    Part(
        "os/@firmware",
        "efi",
        "os",
        "firmware",
        "UEFI firmware for its architecture and machine type",
        "install it (Debian, Ubuntu: ovmf; Fedora, RHEL: edk2-ovmf; "
        "for aarch64: qemu-efi-aarch64, edk2-aarch64)",
    ),
    Part(
        "devices/tpm/backend/@type",
        "emulator",
        "devices/tpm",
        "backendModel",
        "a TPM emulator",
        "install swtpm and swtpm-tools",
    ),
    Part("devices/graphics/@type", "spice", "devices/graphics", "type", "QEMU's SPICE server", _SPICE),
    Part("devices/channel/@type", "spicevmc", "devices/channel", "type", "QEMU's SPICE server", _SPICE),
    Part("devices/video/model/@type", "qxl", "devices/video", "modelType", "QEMU's video device qxl", _QXL),
)
VIRTIOFSD = Obstacle(
    "it needs virtiofsd, which libvirt does not find on the host",
    "install it (Debian 13, Fedora, RHEL: virtiofsd; Debian 12: qemu-system-common)",
)


FILES = (
    ("devices/disk", "source/@file", "image"),
    ("devices/disk", "backingStore/source/@file", "backing image"),
    ("devices/filesystem", "source/@dir", "directory"),
    ("os", "loader", "firmware"),
    ("os", "kernel", "kernel"),
    ("os", "initrd", "initial RAM disk"),
    ("os", "dtb", "device tree"),
)
"""Elements, where in them a file is named that must exist when the domain is started, and what the file is."""

LINKS = (("bridge", "source/@bridge", "bridge"), ("direct", "source/@dev", "network device"))
"""By type of an interface, where it names a device of the host, and what the device is."""


def needed_files(domain: Node) -> Iterator[tuple[str, str]]:
    """Yield the files that must exist when a domain is started, each with what it is."""
    for element, where, what in FILES:
        for each in domain.all(element):
            file, policy = each.get(where), each.get("source/@startupPolicy")
            if file and file.startswith("/") and policy not in {"optional", "requisite"}:
                yield file, what


def needed_links(domain: Node) -> Iterator[tuple[str, str]]:
    """Yield the network devices of the host that interfaces are connected to, each with what it is."""
    for interface in domain.all("devices/interface"):
        for kind, where, what in LINKS:
            device = interface.get(where) if interface.attr("type") == kind else None
            if device:
                yield device, what


def needed(domain: Node) -> Iterator[Part]:
    """Yield the components that a definition requests."""
    for part in PARTS:
        elements, _, attribute = part.where.rpartition("/@")
        if any(e.attr(attribute) == part.value for e in domain.all(elements)):
            yield part


def is_missing(part: Part, capabilities: Node) -> bool:
    """Tell whether libvirt reports a component as missing; if it reports nothing about it, it is not."""
    element = capabilities.find(part.element)
    if element is None:
        return False
    if element.attr("supported") == "no":
        return True
    lists = [e for e in element.all("enum") if e.attr("name") == part.listed]
    return bool(lists) and all(v.text != part.value for e in lists for v in e.all("value"))


def needs_virtiofsd(domain: Node) -> bool:
    """Tell whether libvirt has to find virtiofsd, since the definition names neither a binary nor a socket."""
    shares = domain.all("devices/filesystem")
    return any(
        s.get("driver/@type") == "virtiofs"
        and s.get("binary/@path") is None
        and s.get("source/@socket") is None
        for s in shares
    )
