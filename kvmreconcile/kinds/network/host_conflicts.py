"""Find devices and routes of the host that prevent a network from being started."""

from collections.abc import Iterator
from functools import cached_property

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.host.identity import is_here
from kvmreconcile.kinds.network.bridge import find_taken_bridge
from kvmreconcile.kinds.network.routes import HostRoute, Subnet, read_routes, subnets_of
from kvmreconcile.kinds.network.spelling import OWN_BRIDGE, mode_of
from kvmreconcile.model import Obstacle
from kvmreconcile.tree import Node, parse


class HostConflicts:
    """Devices and routes of one host that conflict with networks. Devices and routes are read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_here = is_here(connection.uri)

    def lacks(self, network: Node, *, runs: bool) -> Iterator[Obstacle]:
        """
        Yield why a network cannot be started on this host.

        Args:
            runs: Whether the network should be active; if not, nothing is yielded.
        """
        if not runs or not self._connection.is_qemu():
            return
        bridge = network.get("bridge/@name")
        if bridge not in self._bridges and (taken := find_taken_bridge(self._connection.virt, network)):
            yield taken
        active = self._active.get(network.get("name") or "")
        running = set(subnets_of(active)) if active else set()
        for subnet in subnets_of(network):
            # The active network and the route coexist already, and a restart does not change that.
            if subnet not in running and (route := self._conflicting(subnet)):
                why = f"the host's route {route.to} dev {route.device} conflicts with the subnet {subnet}"
                todo = "use another subnet for the network, or delete the route if nothing uses it"
                yield Obstacle(why, todo, is_certain=False)

    def _conflicting(self, subnet: Subnet) -> HostRoute | None:
        return next((route for route in self._routes if route.conflicts_with(subnet)), None)

    @cached_property
    def _routes(self) -> tuple[HostRoute, ...]:
        """
        The host's routes, except routes of libvirt's networks.

        Conflicts between networks are found during planning.
        """
        if not self._is_here:
            return ()
        return tuple(route for route in read_routes() if route.device not in self._bridges)

    @cached_property
    def _bridges(self) -> frozenset[str]:
        """The bridges that libvirt created for active networks."""
        own = (network for network in self._active.values() if mode_of(network) in OWN_BRIDGE)
        return frozenset(filter(None, (network.get("bridge/@name") for network in own)))

    @cached_property
    def _active(self) -> dict[str, Node]:
        """The running definitions of active networks, by name."""
        try:
            with translated("networks"):
                active = self._connection.virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
                return dict(filter(None, map(_definition, active)))
        except HostError:
            return {}


def _definition(network: libvirt.virNetwork) -> tuple[str, Node] | None:
    """Return the name and the running definition of a network; None if it cannot be read."""
    try:
        with translated("network"):
            return network.name(), parse(network.XMLDesc(0))
    except HostError:
        return None
