"""
Find the edits that update an active network to its stored definition.

Whole sections are compared, so that edits can be repeated and two hosts can swap their addresses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from kvmreconcile.kinds.network.rules import RULES
from kvmreconcile.tree import Node, locate, make
from kvmreconcile.tree.rules import labels


class Section(Enum):
    """A part of a network that libvirt can change live. Its value is the path of the part."""

    DHCP_RANGE = "ip/dhcp/range"
    DHCP_HOST = "ip/dhcp/host"
    DNS_HOST = "dns/host"
    DNS_TXT = "dns/txt"
    DNS_SRV = "dns/srv"
    FORWARD_INTERFACE = "forward/interface"
    PORTGROUP = "portgroup"


class Command(Enum):
    """How an edit changes an element."""

    DELETE = "delete"
    MODIFY = "modify"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class Edit:
    """
    One call of virNetworkUpdate.

    Attributes:
        parent: Index of the `<ip>` element; -1 in sections outside `<ip>`.
    """

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

# libvirt can modify DNS hosts and TXT records since 10.6. They are deleted and added instead, which takes only a moment.
_MODIFIABLE = (Section.DHCP_HOST, Section.PORTGROUP)


def find_edits(verb: str, live: Node, stored: Node, steps: tuple[str, ...]) -> Iterator[Edit]:
    """
    Yield the edits that update the sections of a verb from the live to the stored definition.

    Args:
        steps: Path of the change; its first step identifies the `<ip>` element.
    """
    parent = -1
    if verb == "update-dhcp":
        found, wanted = locate(live, steps[:1], RULES), locate(stored, steps[:1], RULES)
        if found is None or wanted is None:
            return
        parent = next(i for i, ip in enumerate(live.all("ip")) if ip is found)
        live, stored = found, wanted
    for section in SECTIONS[verb]:
        path = section.value.removeprefix("ip/" if parent >= 0 else "")
        for command, element in _section_edits(section, tuple(live.all(path)), tuple(stored.all(path))):
            yield Edit(command, section, element, parent)


def _section_edits(
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
    Return whether exactly one element changed and kept its identifier.

    Only then can the element be modified: libvirt modifies the first element that has the MAC, address or
    name of the new element. If several elements changed, this could be another element.
    """
    if len(stale) != 1 or len(missing) != 1:
        return False
    members = RULES.members.get(section.value)
    return next(labels(stale[0], members), None) == next(labels(missing[0], members), None)


def _identity(section: Section, element: Node) -> Node:
    """
    Return the part of an element by which libvirt finds it.

    libvirt finds a DNS host by its address or any of its names, and rejects an element that matches several
    hosts (measured, 9.0.0).
    """
    return make("host", {"ip": element.attr("ip") or ""}) if section is Section.DNS_HOST else element
