"""Describe an interface that a running guest loses. Pure."""

from kvmreconcile.kinds.domain.devices.naming import label
from kvmreconcile.model import Observation
from kvmreconcile.tree import Node

_SOURCES = ("network", "bridge", "dev", "path")
"""Attributes of an interface's source that name its connection."""


def describe(interface: Node, _observed: Observation) -> str:
    """Return the name, connection and MAC address of an interface."""
    return f"NIC {label(interface, 'mac/@address')}: {_connection(interface)}"


def _connection(interface: Node) -> str:
    source = interface.child("source")
    named = ((name, source.attr(name)) for name in _SOURCES) if source else ()
    where = next((f"{name} {value}" for name, value in named if value), interface.attr("type") or "no source")
    return f"{where}, MAC {interface.get('mac/@address') or 'unknown'}"
