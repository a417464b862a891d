"""PCI addresses and option ROMs, for interfaces and host devices."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, YES_NO, ElementBuilder
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath
from kvmreconcile.tree import (
    Node,
)

PciAddress = Annotated[
    str,
    Field(pattern=r"^([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-1][0-9a-fA-F]\.[0-7]$", examples=["0000:03:00.0"]),
]
"""A PCI address as lspci and the kernel write it."""


class Rom(Spec):
    """Option ROM of a PCI device, with its boot code."""

    enabled: Annotated[
        bool | None,
        At("@enabled", YES_NO),
        Field(description="Whether the ROM is enabled. Defaults to true."),
    ] = None
    bar: Annotated[
        bool | None,
        At("@bar", ON_OFF),
        Field(
            description=(
                "Whether the ROM is visible to the guest's firmware. Defaults to QEMU's choice for the "
                "machine type."
            )
        ),
    ] = None
    file: Annotated[
        AbsolutePath | None,
        At("@file"),
        Field(description="File on the host that replaces the ROM of the device. Defaults to none."),
    ] = None


_PCI = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", re.IGNORECASE)

_PARTS = (("domain", 4), ("bus", 2), ("slot", 2), ("function", 1))
"""The parts of a PCI address, and the number of hexadecimal digits of each."""


@dataclass(frozen=True, slots=True)
class Pci:
    """
    A PCI address as the kernel writes it ("0000:03:00.0").

    Attributes:
        type: Value of the attribute `type` where libvirt requires it; "" if the attribute is not written.
    """

    type: str = ""

    def put(self, draft: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        found = _PCI.fullmatch(str(value))
        digits = found.groups(default="0000") if found else ()
        if self.type:
            draft.put(f"{path}/@type", self.type)
        for (name, _), part in zip(_PARTS, digits, strict=False):
            draft.put(f"{path}/@{name}", f"0x{part.lower()}")

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the PCI address at a path, and the paths of its parts; None if the value is not a PCI address."""
        if (node.get(f"{path}/@type") or self.type) != self.type:
            return None, ()
        digits: list[str] = []
        for name, width in _PARTS:
            text = node.get(f"{path}/@{name}") or ("0x0" if name == "domain" else "")
            if not re.fullmatch(r"0x[0-9a-fA-F]+|\d+", text):
                return None, ()
            digits.append(f"{int(text, 0):0{width}x}")
        domain, bus, slot, function = digits
        return f"{domain}:{bus}:{slot}.{function}", tuple(
            f"{path}/@{name}" for name in ("type", *(n for n, _ in _PARTS))
        )


PCI = Pci()

PCI_TYPED = Pci("pci")
