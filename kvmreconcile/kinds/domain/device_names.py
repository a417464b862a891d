"""
Name the devices of an adopted domain, so that edits of other values do not change their identity. Pure.

Only some devices get a name: those that a spec would otherwise identify by a value that users edit. A
device whose name would be visible to the guest gets none.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from kvmreconcile.kinds.domain.devices.naming import ALIAS
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.tree import Node, make
from kvmreconcile.tree.paths import short

_KEEPS_NAMES = frozenset({"qemu", "kvm", "hvf"})
"""
Types of domains in which libvirt keeps aliases that users set.

In other types, libvirt silently drops them.
"""
_SPEAKS_OF_ALIASES = ("qemu:commandline", "qemu:override")
"""Elements that may refer to generated aliases, which a name would replace."""
_LONGEST = 20
"""Maximum length of a name. A longer name would be less clear than the type of the device."""
_SEPARATORS = "-_. "
_NAMES = {tag: source for section in SECTIONS for tag, source in section.names.items()}


def name_devices(domain: Node) -> Node:
    """Return the definition with names for unnamed disks, interfaces, directories and memory devices."""
    devices = domain.child("devices")
    is_apt = domain.attr("type") in _KEEPS_NAMES and not any(
        short(c.tag) in _SPEAKS_OF_ALIASES for c in domain.children
    )
    if devices is None or not is_apt:
        return domain
    taken = {device.get("alias/@name") for device in devices.children}
    children: list[Node] = []
    for device in devices.children:
        if _wants_name(device):
            name = next(n for n in _candidates(_name(device, domain)) if f"{ALIAS.prefix}{n}" not in taken)
            taken.add(f"{ALIAS.prefix}{name}")
            device = replace(device, children=(*device.children, _alias(name)))  # noqa: PLW2901
        children.append(device)
    return replace(
        domain,
        children=tuple(replace(c, children=tuple(children)) if c is devices else c for c in domain.children),
    )


def _wants_name(device: Node) -> bool:
    row = RULES.invisible.get(f"devices/{device.tag}/alias")
    is_hidden = row is not None and row.when(device)
    return device.tag in _NAMES and device.child("alias") is None and is_hidden


def _alias(name: str) -> Node:
    return make("alias", {"name": f"{ALIAS.prefix}{name}"})


def _candidates(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _name(device: Node, domain: Node) -> str:
    """Return a name for a device, derived from its source if possible."""
    source = _NAMES[device.tag]
    found = next((v for path in source.paths if (v := device.get(path))), "")
    kind = device.attr("device") or device.tag
    if kind in source.kinds:
        return kind
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", found.rstrip("/").rpartition("/")[2])
    of_guest = domain.get("name") or ""
    stem = stem.removeprefix(of_guest) if re.match(re.escape(of_guest) + r"(?![A-Za-z0-9])", stem) else stem
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip(_SEPARATORS)
    return plain if plain and len(plain) <= _LONGEST and not plain.isdecimal() else source.otherwise
