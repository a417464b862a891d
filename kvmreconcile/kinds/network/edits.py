"""
What must be sent to a running network so that it holds what is stored.

Separate from the driver because it is pure: from two definitions to a list of edits. It looks at a whole
section at a time, so that it is safe to repeat and that two hosts can swap their addresses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from kvmreconcile.kinds.network.rules import RULES
from kvmreconcile.tree import Node, locate, make
from kvmreconcile.tree.rules import labels


class Section(Enum):
    """A part of a network that libvirt can change while it runs, by its path."""

    DHCP_RANGE = "ip/dhcp/range"
    DHCP_HOST = "ip/dhcp/host"
    DNS_HOST = "dns/host"
    DNS_TXT = "dns/txt"
    DNS_SRV = "dns/srv"
    FORWARD_INTERFACE = "forward/interface"
    PORTGROUP = "portgroup"


class Command(Enum):
    """What becomes of an element."""

    DELETE = "delete"
    MODIFY = "modify"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class Edit:
    """One call of virNetworkUpdate; `parent` tells which `<ip>`, and is -1 elsewhere."""

    command: Command
    section: Section
    element: Node
    parent: int = -1


SECTIONS = {
    "update-dhcp": (Section.DHCP_RANGE, Section.DHCP_HOST),
    "update-dns": (Section.DNS_HOST, Section.DNS_TXT, Section.DNS_SRV),
    "update-forward": (Section.FORWARD_INTERFACE,),
    "update-portgroup": (Section.PORTGROUP,),
}

# DNS hosts and texts could be modified from 10.6 on; nobody notices the moment between deleting and adding.
_MODIFIABLE = (Section.DHCP_HOST, Section.PORTGROUP)


def edits(verb: str, live: Node, stored: Node, steps: tuple[str, ...]) -> Iterator[Edit]:
    """Yield what brings the sections of a verb from the running to the stored definition."""
    parent = -1
    if verb == "update-dhcp":
        found, wanted = locate(live, steps[:1], RULES), locate(stored, steps[:1], RULES)
        if found is None or wanted is None:
            return
        parent = next(i for i, ip in enumerate(live.all("ip")) if ip is found)
        live, stored = found, wanted
    for section in SECTIONS[verb]:
        path = section.value.removeprefix("ip/" if parent >= 0 else "")
        for command, element in _section(section, tuple(live.all(path)), tuple(stored.all(path))):
            yield Edit(command, section, element, parent)


def _section(
    section: Section, live: Sequence[Node], stored: Sequence[Node]
) -> Iterator[tuple[Command, Node]]:
    stale = [e for e in live if e not in stored]
    missing = [e for e in stored if e not in live]
    if section in _MODIFIABLE and _is_one_changed(section, stale, missing):
        yield Command.MODIFY, missing[0]
        return
    for element in stale:
        yield Command.DELETE, _identity(section, element)
    for element in missing:
        yield Command.ADD, element


def _is_one_changed(section: Section, stale: Sequence[Node], missing: Sequence[Node]) -> bool:
    """
    Tell whether exactly one element changed and is still known by the same name.

    libvirt modifies the first element that shares MAC, address or name with the new one; with several
    changes under way that could be another.
    """
    if len(stale) != 1 or len(missing) != 1:
        return False
    members = RULES.members.get(section.value)
    return next(labels(stale[0], members), None) == next(labels(missing[0], members), None)


def _identity(section: Section, element: Node) -> Node:
    """
    Return as much of an element as names it alone.

    A DNS host is found by address or any of its names, and refused if that fits several (measured, 9.0.0).
    """
    return make("host", {"ip": element.attr("ip") or ""}) if section is Section.DNS_HOST else element
