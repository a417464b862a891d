"""
Parts of a host that only some domains need and that distributions pack apart from QEMU.

What libvirt's domain capabilities do not list is missing. libvirt 9.0.0 and 11.3.0 look for all of it at each
question, so that nothing need be restarted once it is there (measured). They list egl-headless and passt in any case,
so that those have no row. Pure.
Source: https://libvirt.org/formatdomaincaps.html
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmreconcile.model import Obstacle
from kvmreconcile.tree import Node

_SPICE = "install it (Debian 13: qemu-system-modules-spice), or take SPICE out of the spec"


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part, and how a definition asks for it.

    Attributes:
        where: The path of the attribute by which a definition asks for it.
        value: What the attribute says then.
        element: The element of the domain capabilities that has the list.
        listed: The name of the list.
    """

    where: str
    value: str
    element: str
    listed: str
    what: str
    todo: str

    @property
    def obstacle(self) -> Obstacle:
        """Why a domain that needs it cannot be made or started."""
        return Obstacle(f"it needs {self.what}, which libvirt does not find on the host", self.todo)


PARTS = (
    Part(
        "os/@firmware",
        "efi",
        "os",
        "firmware",
        "UEFI firmware",
        "install it (Debian, Ubuntu: ovmf; Fedora, RHEL: edk2-ovmf)",
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
    Part("devices/video/model/@type", "qxl", "devices/video", "modelType", "QEMU's video device qxl", _SPICE),
)
VIRTIOFSD = Obstacle(
    "it needs virtiofsd, which is not on the host",
    "install it (Debian 13, Fedora, RHEL: virtiofsd; Debian 12: qemu-system-common)",
)


def needed(domain: Node) -> Iterator[Part]:
    """Yield the parts that a definition asks for."""
    for part in PARTS:
        elements, _, attribute = part.where.rpartition("/@")
        if any(e.attr(attribute) == part.value for e in domain.all(elements)):
            yield part


def is_missing(part: Part, capabilities: Node) -> bool:
    """Tell whether libvirt says that a part is missing; where it says nothing of it, it is not."""
    element = capabilities.find(part.element)
    if element is None:
        return False
    if element.attr("supported") == "no":
        return True
    lists = [e for e in element.all("enum") if e.attr("name") == part.listed]
    return bool(lists) and all(v.text != part.value for e in lists for v in e.all("value"))


def needs_virtiofsd(domain: Node) -> bool:
    """Tell whether libvirt has to find virtiofsd by itself."""
    shares = domain.all("devices/filesystem")
    return any(
        s.get("driver/@type") == "virtiofs"
        and s.get("binary/@path") is None
        and s.get("source/@socket") is None
        for s in shares
    )
