"""
A domain as its driver's verbs find it: the handle, and both of its definitions.

Separate because the driver and every module of live verbs start here.
"""

import re

import libvirt

from kvmreconcile.model import Action
from kvmreconcile.tree import Node, parse

STORED = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
"""The stored definition, secrets and all."""
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
POLL_S = 0.1
_GIVEN_ALIAS = re.compile(r"\s*<alias name='(?!ua-)[^']*'/>")
"""An alias that libvirt gave, counting anew at each start; in no stored definition, and so no name of a device."""


def find(virt: libvirt.virConnect, action: Action) -> libvirt.virDomain:
    """Return the domain that an action is about."""
    return virt.lookupByName(action.key.name)


def running_xml(domain: libvirt.virDomain) -> str:
    """Return the running definition, secrets and all, without the aliases that libvirt gave."""
    return without_given_aliases(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))


def without_given_aliases(xml: str) -> str:
    """Return a running definition without the aliases that libvirt gave, all else in its place."""
    return _GIVEN_ALIAS.sub("", xml)


def running(domain: libvirt.virDomain) -> Node:
    """Return the running definition as a tree."""
    return parse(running_xml(domain))


def stored(domain: libvirt.virDomain) -> Node:
    """Return the stored definition as a tree."""
    return parse(domain.XMLDesc(STORED))
