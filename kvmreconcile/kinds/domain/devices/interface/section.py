"""Define the section of network interfaces."""

from kvmreconcile.kinds.domain.devices.hotplug import is_card
from kvmreconcile.kinds.domain.devices.interface.actions import ACTIONS
from kvmreconcile.kinds.domain.devices.interface.description import describe
from kvmreconcile.kinds.domain.devices.interface.mac_address import complete, refuse_multicast
from kvmreconcile.kinds.domain.devices.interface.spec import InterfaceFields
from kvmreconcile.kinds.domain.devices.interface.vlans import ON_LINUX_BRIDGE
from kvmreconcile.kinds.domain.member_keys import ADVICE, ALIAS, PCI_SOURCE, PLACE, Keys, complete_list
from kvmreconcile.kinds.domain.section import HostLink, NameSource, Section
from kvmreconcile.kinds.domain.spellings import LOWER
from kvmreconcile.tree import (
    Automatic,
    CreationDefaults,
    Identity,
    Members,
    Node,
    Owner,
    Ref,
    Reset,
    Rules,
    Table,
    parse,
    paths,
)

_LINKS: Keys = (
    ("source/@network",),
    ("source/@bridge",),
    ("source/@dev",),
    ("source/@path",),
    ("@type=user",),
    ("@type=ethernet",),
)
"""Connections of an interface."""
_SHARED_LINKS = ("source/@network", "source/@bridge", "source/@dev")


def _is_linked(interface: Node) -> bool:
    """
    Return whether an interface is on a network segment with other interfaces.

    If not, as with user-mode networking, its MAC address need not be unique.
    """
    return any(interface.get(path) for path in _SHARED_LINKS)


_MEMBERS = {
    "": Members(
        (ALIAS, ("mac/@address",), ("target/@dev",)),
        Owner.SPEC,
        fallback=(
            ("mac/@address",),
            ("target/@dev",),
            PCI_SOURCE,
            *((*link, "model/@type") for link in _LINKS),
            *_LINKS,
        ),
        running=(
            ALIAS,
            ("mac/@address", *PLACE),
            *((*PLACE, *link) for link in _LINKS),
            ("mac/@address",),
        ),
        advice=ADVICE.format("MAC address"),
    ),
    "ip": complete_list(("@address",)),
    "route": complete_list(("@address",)),
    "filterref/parameter": complete_list(("@name", "@value")),
    "vlan/tag": complete_list(("@id",)),
}
_MAC = Identity(
    "MAC address",
    ("mac/@address",),
    scope=_SHARED_LINKS,
    within="network, bridge or device",
    when=_is_linked,
)
_NAME = "https://libvirt.org/formatdomain.html#overriding-the-target-element"

SECTION = Section(
    InterfaceFields,
    Rules(
        members=Table(_MEMBERS),
        scalars=Table({"mac/@address": LOWER}),
        implied=Table({"coalesce": "", "coalesce/rx": "", "coalesce/rx/frames/@max": "0"}),
        resets=Table({"": (Reset("model/@type", ("address",)), Reset("@type", ("source", "virtualport")))}),
        ignored=paths("source/@portid", "mac/@currentAddress"),
        containers=paths("bandwidth"),
        automatic=Table({"": (Automatic("target/@dev", ".*%d.*", source=_NAME),)}),
        refs=Table({"source": (Ref("Network", ("@network",)),)}),
        identities=Table({"": (_MAC,)}),
        unsupported=Table({"": (ON_LINUX_BRIDGE,)}),
        creation_defaults=Table(
            {"": (CreationDefaults(parse('<interface type="network"><model type="virtio"/></interface>')),)}
        ),
        actions=ACTIONS,
    ).below("devices/interface"),
    links=(
        HostLink("bridge", "source/@bridge", "bridge"),
        HostLink("direct", "source/@dev", "network device"),
    ),
    takes_port={"interface": is_card},
    kept=(
        "devices/interface",
        "devices/interface/@type",
        "devices/interface/mac",
        "devices/interface/mac/@address",
        "devices/interface/source",
        "devices/interface/source/@*",
    ),
    names={"interface": NameSource(("source/@network", "source/@bridge", "source/@dev"), "nic")},
    definition_checks=(refuse_multicast,),
    complete=complete,
    describe={"devices/interface": describe},
)
