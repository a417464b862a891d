"""
Define which values of a network must be unique on a host.

libvirt rejects the definition of a second network with the same UUID or bridge, and the start of a network
whose subnet is in use (measured, 9.0.0).
"""

from ipaddress import ip_interface

from kvmreconcile.kinds.network.spelling import OWN_BRIDGE, mode_of
from kvmreconcile.tree import Identity, Node, Table


def _has_own_bridge(network: Node) -> bool:
    return mode_of(network) in OWN_BRIDGE


def _overlap(one: str, other: str) -> bool:
    """Return whether two subnets overlap. Each is given as an address with its prefix length."""
    try:
        first, second = ip_interface(one).network, ip_interface(other).network
    except ValueError:
        return False
    return first.version == second.version and first.overlaps(second)


IDENTITIES: Table[tuple[Identity, ...]] = Table(
    {
        "": (
            Identity(
                "bridge", ("bridge/@name",), when=_has_own_bridge, proves=True, always=True, unique=True
            ),
        ),
        "uuid": (Identity("UUID", ("",), proves=True, always=True, unique=True),),
        "ip": (Identity("subnet", ("@address", "@prefix"), overlaps=_overlap, proves=True),),
    }
)
