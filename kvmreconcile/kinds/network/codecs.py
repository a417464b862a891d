"""Convert values of a network's spec that libvirt stores in several attributes."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from kvmreconcile.kinds.network.values import INFINITE
from kvmreconcile.schema.codecs import ElementBuilder
from kvmreconcile.tree import Node

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}


@dataclass(frozen=True, slots=True)
class Cidr:
    """An address such as "192.0.2.1/24" in YAML; in XML, an address, a prefix length and a family."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        address, _, prefix = str(value).partition("/")
        builder.put(f"{path}@address", address)
        builder.put(f"{path}@prefix", prefix)
        if isinstance(ip_address(address), IPv6Address):
            builder.put(f"{path}@family", "ipv6")

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the address at a path, and the paths of its parts; None if the value is not an address."""
        address, prefix = node.get(f"{path}@address"), node.get(f"{path}@prefix")
        if not address or not prefix:
            return None, ()
        return f"{address}/{prefix}", tuple(f"{path}@{name}" for name in ("address", "prefix", "family"))


@dataclass(frozen=True, slots=True)
class LeaseTime:
    """A time such as "12h" in YAML; in XML, a number and its unit, where 0 means infinite."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        text = str(value)
        number = re.match(r"\d+", text)
        builder.put(f"{path}/@expiry", number.group() if number else "0")
        if number:
            builder.put(f"{path}/@unit", _UNITS[text[number.end() :]])

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the lease time at a path, and the paths of its parts; None if the value is not a lease time."""
        expiry, unit = node.get(f"{path}/@expiry"), node.get(f"{path}/@unit") or "minutes"
        letters = next((short for short, long in _UNITS.items() if long == unit), None)
        if not expiry or letters is None:
            return None, ()
        return INFINITE if expiry == "0" else f"{expiry}{letters}", (f"{path}/@expiry", f"{path}/@unit")


@dataclass(frozen=True, slots=True)
class Mode:
    """A forward mode. In XML, an isolated network has no element for the mode."""

    modes: tuple[str, ...] = ("nat", "route", "open", "bridge")

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        if value == "isolated":
            builder.mark_absent(path.partition("/")[0])
        else:
            builder.put(path, str(value))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the mode at a path, and its path; None if the mode has no field value."""
        if node.find(path.partition("/")[0]) is None:
            return "isolated", ()
        mode = node.get(path)
        return (mode, (path,)) if mode in self.modes else (None, ())


CIDR = Cidr()
LEASE_TIME = LeaseTime()
MODE = Mode()
