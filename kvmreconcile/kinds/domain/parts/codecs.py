"""
How a domain's values are spelled in a spec, where libvirt spreads them over several attributes.

Separate from the parts so that each can be tested alone.
"""

import re
from dataclasses import dataclass
from typing import Any

from kvmreconcile.schema.codecs import ElementBuilder
from kvmreconcile.tree import Node
from kvmreconcile.tree.scalars import whole

_PCI = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", re.IGNORECASE)
_PARTS = (("domain", 4), ("bus", 2), ("slot", 2), ("function", 1))
"""The parts of a PCI address, and how many hexadecimal digits each has."""


@dataclass(frozen=True, slots=True)
class Pci:
    """A PCI address as the kernel writes it ("0000:03:00.0"); `type` is said where libvirt wants to hear it."""

    type: str = ""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        found = _PCI.fullmatch(str(value))
        digits = found.groups(default="0000") if found else ()
        if self.type:
            builder.put(f"{path}/@type", self.type)
        for (name, _), part in zip(_PARTS, digits, strict=False):
            builder.put(f"{path}/@{name}", f"0x{part.lower()}")

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; None if it is not of this form."""
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


@dataclass(frozen=True, slots=True)
class Cid:
    """The address of a socket between guest and host: "auto", or a number."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        builder.put(f"{path}/@auto", "yes" if value == "auto" else "no")
        if value != "auto":
            builder.put(f"{path}/@address", str(value))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; None if it is not of this form."""
        if node.get(f"{path}/@auto") == "yes":
            return "auto", (f"{path}/@auto",)
        address = whole(node.get(f"{path}/@address") or "")
        return (address, (f"{path}/@auto", f"{path}/@address")) if address is not None else (None, ())


@dataclass(frozen=True, slots=True)
class Generation:
    """True for whatever libvirt makes up once, or a text."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        builder.put(path, "" if value is True else str(value))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; None if it is not of this form."""
        element = node.find(path)
        return (None, ()) if element is None else (element.text or True, (path,))


PCI = Pci()
PCI_TYPED = Pci("pci")
CID = Cid()
GENERATION = Generation()
