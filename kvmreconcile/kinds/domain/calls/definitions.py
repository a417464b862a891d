"""Find a domain, read its two definitions (stored and running), and locate devices in the running definition."""

import re

import libvirt

from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Action
from kvmreconcile.tree import Node, locate, parse
from kvmreconcile.tree.running import steps_in

STORED = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
"""Flags to read the stored definition with secrets."""
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
POLL_S = 0.1
_GIVEN_ALIAS = re.compile(r"\s*<alias name='(?!ua-)[^']*'/>")
"""An alias that libvirt generates at each start; it is in no stored definition, so it identifies no device."""

_CONVERTED = re.compile(
    r"(<interface type=')(?:bridge|direct)('[^>]*>\s*<mac [^>]*>\s*<source network='[^>]*?)(?: dev='[^']*' mode='[^']*')?(/?>)"
)
"""
An interface of a network, which libvirt reports as connected to the network's bridge or to a device by macvtap.

Source: `virDomainNetDefFormat` ("publicActual"), `virDomainActualNetDefContentsFormat`
"""


def find(virt: libvirt.virConnect, action: Action) -> libvirt.virDomain:
    """Return the domain of an action."""
    return virt.lookupByName(action.key.name)


def running_xml(domain: libvirt.virDomain) -> str:
    """Return the running definition with secrets, in the form of a stored one."""
    return with_networks(without_given_aliases(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)))


def with_networks(xml: str) -> str:
    """
    Return a running definition in which interfaces of networks have the type "network".

    The order of the elements is unchanged.
    """
    return _CONVERTED.sub(r"\1network\2\3", xml)


def without_given_aliases(xml: str) -> str:
    """
    Return a running definition without the aliases that libvirt generates.

    The order of the elements is unchanged.
    """
    return _GIVEN_ALIAS.sub("", xml)


def running(domain: libvirt.virDomain) -> Node:
    """Return the running definition as a tree."""
    return parse(running_xml(domain))


def stored(domain: libvirt.virDomain) -> Node:
    """Return the stored definition as a tree."""
    return parse(domain.XMLDesc(STORED))


def running_steps(domain: libvirt.virDomain, steps: tuple[str, ...]) -> tuple[str, ...] | None:
    """
    Return the path of a part in the running definition; None if the running definition lacks the part.

    Args:
        steps: The path of the part in the stored definition.
    """
    return steps_in(running(domain), stored(domain), steps, RULES)


def running_part(domain: libvirt.virDomain, steps: tuple[str, ...]) -> Node | None:
    """
    Return a part of the running definition; None if the running definition lacks the part.

    Args:
        steps: The path of the part in the stored definition.
    """
    own = running_steps(domain, steps)
    return locate(running(domain), own, RULES) if own else None
