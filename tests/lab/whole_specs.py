"""
Specs of networks and pools with as many fields as possible, and each edit that removes one of them.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import ObjectSpec, Spec

Fields = dict[str, Any]
KNOWN = {kind.name: kind for kind in KINDS}
IMAGES, DISK = "{images}", "{disk}"
"""Placeholders for the directory of a lab's images and for a block device with a file system."""
_DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_FS = "http://libvirt.org/schemas/storagepool/fs/1.0"
_LEASED = {"mac": "52:54:00:00:00:01", "name": "web", "ip": "192.0.2.7", "leaseTime": "12h"}
_DUID = "00:03:00:01:52:54:00:00:00:01"
_UUID = "81ff0d90-c91e-6742-64da-4a736edb9a9b"


@dataclass(frozen=True)
class Whole:
    """
    A spec from which fields or pieces of XML are removed.

    Attributes:
        xml: The pieces of its `xml`, by a word for each: the element that a piece is in ("" for the root), and itself.
        needed: Fields that libvirt does not remove while the others are present.
    """

    kind: str
    fields: Fields
    xml: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    needed: tuple[str, ...] = ()

    def without(self, word: str) -> Fields:
        """Return the fields without one piece of the `xml`."""
        if not self.xml:
            return self.fields
        kept = [piece for each, piece in self.xml.items() if each != word]
        whole = "".join(piece for parent, piece in kept if not parent)
        for tag in dict.fromkeys(parent for parent, _ in kept if parent):
            whole += f"<{tag}>{''.join(piece for parent, piece in kept if parent == tag)}</{tag}>"
        root = KNOWN[self.kind].root
        return {**self.fields, "xml": f'<{root} xmlns:dnsmasq="{_DNSMASQ}" xmlns:fs="{_FS}">{whole}</{root}>'}

    @property
    def all(self) -> Fields:
        """All fields."""
        return self.without("")

    def edits(self) -> Iterator[tuple[str, Fields]]:
        """Yield a name and the remaining fields for each field or piece that can be removed."""
        yield from ((word, self.without(word)) for word in self.xml if word not in self.needed)
        for place in places(self.fields):
            rest = deepcopy(self.all)
            *parents, last = place
            here: Any = rest
            for step in parents:
                here = here[step]
            del here[last]
            name = ".".join(map(str, place))
            if name not in self.needed and _is_valid(self.kind, rest):
                yield name, rest


def _is_valid(kind: str, fields: Fields) -> bool:
    try:
        KNOWN[kind].spec.model_validate(fields)
    except ValidationError:
        return False
    return True


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of each value in fields, including those that hold others."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*place, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*place, key))


def leaves(model: type[Spec], place: str = "") -> Iterator[str]:
    """Yield the name of each field of a kind that holds no others, such as "nat.ports.start"."""
    for name, info in model.model_fields.items():
        inner, where = list(_models(info.annotation)), f"{place}{info.alias}"
        if name in ObjectSpec.model_fields:
            continue
        for each in inner:
            yield from leaves(each, f"{where}.")
        if not inner:
            yield where


def _models(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


_NAT: Fields = {
    "state": "running",
    "autostart": False,
    "uuid": _UUID,
    "mode": "nat",
    "devices": ["out1"],
    "nat": {
        "addresses": {"start": "203.0.113.1", "end": "203.0.113.9"},
        "ports": {"start": 2000, "end": 3000},
        "ipv6": True,
    },
    "bridge": "virbr7",
    "stp": False,
    "mac": "52:54:00:aa:bb:cc",
    "mtu": 1400,
    "domain": {"name": "a.test", "localOnly": True},
    "addresses": [
        {
            "address": "192.0.2.1/24",
            "tftp": "/srv",
            "dhcp": {
                "ranges": [{"start": "192.0.2.100", "end": "192.0.2.200", "leaseTime": "2h"}],
                "hosts": [_LEASED, {"name": "db", "ip": "192.0.2.8"}],
                "bootp": {"file": "pxelinux.0", "server": "192.0.2.9"},
            },
        },
    ],
    "routes": [{"to": "198.51.100.0/24", "via": "192.0.2.9", "metric": 3}],
    "dns": {
        "forwardPlainNames": False,
        "forwarders": [{"address": "192.0.2.9", "domain": "b.test"}, {"domain": "c.test"}],
        "hosts": [{"ip": "192.0.2.5", "names": ["old", "older"]}],
        "txt": [{"name": "a", "value": "b"}],
        "srv": [
            {
                "service": "ldap",
                "protocol": "tcp",
                "domain": "a.test",
                "target": "b.test",
                "port": 389,
                "priority": 1,
                "weight": 2,
            }
        ],
    },
    "isolatePorts": True,
}
_DIRECTORY: Fields = {
    "state": "running",
    "autostart": False,
    "uuid": _UUID,
    "type": "dir",
    "path": f"{IMAGES}/a",
    "permissions": {"mode": "0750", "owner": 0, "group": 1},
}

WHOLES = {
    "nat": Whole(
        "Network",
        _NAT,
        {
            "reverse names": ("", '<ip address="192.0.2.1" localPtr="yes"/>'),
            "delay": ("", '<bridge delay="3"/>'),
            "port group": ("", '<portgroup name="p" default="yes" trustGuestRxFilters="yes"/>'),
            "dnsmasq's options": ("dnsmasq:options", '<dnsmasq:option value="no-ping"/>'),
            "metadata": ("metadata", '<a:b xmlns:a="urn:a">1</a:b>'),
        },
        ("dns.srv.0.target", "addresses.0", "addresses"),
    ),
    # The kernel checks for a second owner of such an address, which takes a while.
    "IPv6": Whole(
        "Network",
        {
            "addresses": [
                {"address": "fd00::1/64", "dhcp": {"hosts": [{"id": _DUID, "name": "web", "ip": "fd00::7"}]}}
            ]
        },
    ),
    "no DNS": Whole("Network", {"addresses": ["192.0.2.1/24"], "dns": {"enable": False}}),
    "bridged": Whole(
        "Network",
        {"mode": "bridge", "bridge": "br5"},
        {
            "VLAN": ("", '<vlan><tag id="5"/></vlan><virtualport type="openvswitch"/>'),
            "port group": ("", '<portgroup name="p"><virtualport type="openvswitch"/></portgroup>'),
        },
        ("mode",),
    ),
    "directory": Whole(
        "StoragePool",
        _DIRECTORY,
        {"vendor": ("source", '<vendor name="a"/>'), "product": ("source", '<product name="b"/>')},
    ),
    "file system": Whole(
        "StoragePool",
        {"type": "fs", "path": f"{IMAGES}/mounted"},
        {
            "device": ("source", f'<device path="{DISK}"/>'),
            "format": ("source", '<format type="ext4"/>'),
            "options": ("fs:mount_opts", '<fs:option name="noatime"/>'),
        },
        ("device",),
    ),
}
"""Specs, each by a short name."""
ELSEWHERE = {"zone"}
"""Fields that no network of a lab can have: a zone takes firewalld. `tests/kinds/network/test_pending.py` has them."""
