"""
Rules for `<network>`.

Source, unless a row names another: https://libvirt.org/formatnetwork.html and network_conf.c.
"""

from kvmreconcile.kinds.network.identities import IDENTITIES
from kvmreconcile.kinds.network.reattachment import DETACHED_RULE
from kvmreconcile.kinds.ownership_mark import RULE
from kvmreconcile.tree import Members, Owner, Reset, Rules, Scalar, Table, Update, paths
from kvmreconcile.tree.scalars import address, integer, lower, number, uuid

_ADDRESS, _INTEGER, _NUMBER = Scalar(address), Scalar(integer), Scalar(number)


def _list(*keys: tuple[str, ...]) -> Members:
    return Members(keys, Owner.SPEC)


MEMBERS = Table(
    {
        "ip": _list(("@address",)),
        "ip/dhcp/range": _list(("@start", "@end")),
        # A host that gets another address or MAC address stays the same host.
        "ip/dhcp/host": Members(
            (("@mac",), ("@id",), ("@name",), ("@ip",)), Owner.SPEC, fallback=(("@name",), ("@ip",))
        ),
        # One destination may be reached by several gateways.
        "route": _list(("@address", "@prefix", "@gateway"), ("@address", "@gateway")),
        "dns/forwarder": _list(("@domain", "@addr"), ("@addr",), ("@domain",)),
        "dns/host": _list(("@ip",)),
        "dns/host/hostname": _list(("",)),
        "dns/txt": _list(("@name",)),
        # Several servers for one service are several records.
        "dns/srv": _list(
            ("@service", "@protocol", "@domain", "@target"),
            ("@service", "@protocol", "@domain"),
            ("@service", "@protocol", "@target"),
            ("@service", "@protocol"),
        ),
        "forward/interface": _list(("@dev",)),
        "forward/address": _list(("@domain", "@bus", "@slot", "@function"), ("@bus", "@slot", "@function")),
        "portgroup": _list(("@name",)),
        "vlan/tag": _list(("@id",)),
        "portgroup/vlan/tag": _list(("@id",)),
        "dnsmasq:options/dnsmasq:option": _list(("@value",)),
    }
)

SCALARS = Table(
    {
        "uuid": Scalar(uuid),
        "mac/@address": Scalar(lower),
        "ip/dhcp/host/@mac": Scalar(lower),
        "ip/@address": _ADDRESS,
        "ip/@prefix": _INTEGER,
        "ip/dhcp/range/@start": _ADDRESS,
        "ip/dhcp/range/@end": _ADDRESS,
        "ip/dhcp/host/@ip": _ADDRESS,
        "ip/dhcp/*/lease/@expiry": _INTEGER,
        "ip/dhcp/bootp/@server": _ADDRESS,
        "route/@address": _ADDRESS,
        "route/@gateway": _ADDRESS,
        "route/@prefix": _INTEGER,
        "route/@metric": _INTEGER,
        "dns/host/@ip": _ADDRESS,
        "dns/forwarder/@addr": _ADDRESS,
        "dns/srv/@port": _INTEGER,
        "dns/srv/@priority": _INTEGER,
        "dns/srv/@weight": _INTEGER,
        "forward/nat/address/@start": _ADDRESS,
        "forward/nat/address/@end": _ADDRESS,
        "forward/nat/port/@start": _INTEGER,
        "forward/nat/port/@end": _INTEGER,
        "forward/address/@domain": _NUMBER,
        "forward/address/@bus": _NUMBER,
        "forward/address/@slot": _NUMBER,
        "forward/address/@function": _NUMBER,
        "bridge/@delay": _INTEGER,
        "mtu/@size": _INTEGER,
        "bandwidth/*/@*": _INTEGER,
        "portgroup/bandwidth/*/@*": _INTEGER,
        "vlan/tag/@id": _NUMBER,
        "portgroup/vlan/tag/@id": _NUMBER,
    }
)

_UPDATE = "https://libvirt.org/html/libvirt-libvirt-network.html#virNetworkUpdate"
# libvirt cannot modify ranges, nor DNS records before 10.6: the driver then deletes and adds, on every version.
_DHCP = (Update("update-dhcp", at="ip", source=_UPDATE),)
_DNS = (Update("update-dns", at="dns", source=_UPDATE),)
_FORWARD = (Update("update-forward", at="forward", source=_UPDATE),)
_PORTGROUP = (Update("update-portgroup", at="portgroup", source=_UPDATE),)

ACTIONS: Table[tuple[Update, ...]] = Table(
    {
        "ip/dhcp/host": _DHCP,
        "ip/dhcp/host/**": _DHCP,
        "ip/dhcp/range": _DHCP,
        "ip/dhcp/range/**": _DHCP,
        "dns/host": _DNS,
        "dns/host/**": _DNS,
        "dns/txt": _DNS,
        "dns/txt/**": _DNS,
        "dns/srv": _DNS,
        "dns/srv/**": _DNS,
        "forward/interface": _FORWARD,
        "portgroup": _PORTGROUP,
        "portgroup/**": _PORTGROUP,
    }
)

RULES = Rules(
    members=MEMBERS,
    scalars=SCALARS,
    ignored=paths(RULE, DETACHED_RULE),
    # Some parts of them can be changed live, others only at the next start.
    containers=paths("dns", "ip/dhcp"),
    whole=paths(
        "forward",
        "forward/nat/address",
        "forward/nat/port",
        "domain",
        "mtu",
        "bandwidth/*",
        "vlan",
        "virtualport",
        "ip/tftp",
        "ip/dhcp/bootp",
        "ip/dhcp/*/lease",
    ),
    # Guests cache the host's MAC address; the bridge's name is in firewall rules and live definitions.
    required=paths("name", "uuid", "bridge/@name", "mac/@address"),
    # The parts that guests use: addresses, names, routes.
    parts=paths(
        "ip",
        "ip/dhcp/range",
        "ip/dhcp/host",
        "route",
        "dns/host",
        "dns/srv",
        "dns/txt",
        "forward/interface",
        "portgroup",
    ),
    resets=Table({"forward": (Reset("@mode", ("nat",)),)}),
    identities=IDENTITIES,
    actions=ACTIONS,
)
