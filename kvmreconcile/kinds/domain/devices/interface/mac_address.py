"""Compute MAC addresses of new interfaces, and reject multicast addresses. Pure."""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from kvmreconcile.kinds.domain.devices.device_list import devices_of, with_devices
from kvmreconcile.model import DefinitionProblem, Surroundings
from kvmreconcile.tree import (
    Node,
    Rules,
    make,
    overlay,
)

_OF_A_GROUP = re.compile("[0-9a-fA-F][13579bdfBDF]:")

_NO_RULES = Rules()


def refuse_multicast(domain: Node) -> Iterator[DefinitionProblem]:
    """
    Yield a problem for each interface with a multicast MAC address.

    Source: `virDomainNetDefParseXML` in libvirt's src/conf/domain_conf.c.
    """
    for number, interface in enumerate(domain.all("devices/interface"), 1):
        # The second digit has the multicast bit. libvirt itself rejects text that is not a MAC address.
        if _OF_A_GROUP.match(interface.get("mac/@address") or ""):
            what = "this is a multicast MAC address: its first octet is odd"
            yield DefinitionProblem(
                f"devices/interface[{number}]/mac/@address", what, "use one such as 52:54:00:…"
            )


def complete(domain: Node, surroundings: Surroundings) -> Node:
    """Return the definition with a MAC address for each interface."""
    return with_devices(domain, _with_macs(devices_of(domain), surroundings.uuid))


def _with_macs(devices: tuple[Node, ...], uuid: str) -> tuple[Node, ...]:
    """
    Return the devices with a MAC address for each interface.

    A computed address is derived from the guest's UUID and the interface's name, so that a recreated guest
    gets the same address again.
    """
    taken = {(d.get("mac/@address") or "").lower() for d in devices if d.tag == "interface"}
    result: list[Node] = []
    for index, device in enumerate(devices):
        if device.tag == "interface" and device.get("mac/@address") is None:
            name = device.get("alias/@name") or str(index)
            mac = next(m for m in _macs(uuid, name) if m not in taken)
            taken.add(mac)
            device = overlay(device, make("interface", children=(make("mac", {"address": mac}),)), _NO_RULES)  # noqa: PLW2901
        result.append(device)
    return tuple(result)


def _macs(uuid: str, name: str) -> Iterable[str]:
    """Yield addresses in QEMU's range, derived from the guest's UUID and the name of the interface."""
    count = 0
    while True:
        digits = sha256(f"{uuid}/{name}/{count}".encode()).hexdigest()
        yield f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:6]}"
        count += 1
