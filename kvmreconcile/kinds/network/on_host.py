"""Find what on the host prevents a network from being started: devices and routes that are not libvirt's."""

from collections.abc import Iterator
from functools import cached_property

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.host.identity import is_here
from kvmreconcile.kinds.network.bridge import find_taken_bridge
from kvmreconcile.kinds.network.routes import Route, Subnet, routes, subnets_of
from kvmreconcile.model import Obstacle
from kvmreconcile.tree import Node, parse


class OnHost:
    """Devices and routes of one host; each is looked up once."""

    def __init__(self, connection: Connection) -> None:
        self._virt = connection.virt
        self._is_here = is_here(connection.uri)

    def lacks(self, network: Node, *, runs: bool) -> Iterator[Obstacle]:
        """Yield why a network cannot be started; nothing of one that is not to be active."""
        if not runs:
            return
        bridge = network.get("bridge/@name")
        if bridge not in self._bridges and (taken := find_taken_bridge(self._virt, network)):
            yield taken
        running = self._running(network.get("name") or "")
        for subnet in subnets_of(network):
            # That both are there already was somebody's decision, and a restart changes nothing about it.
            if subnet not in running and (route := self._conflicting(subnet)):
                yield Obstacle(
                    f"the host has a route to {route.to} by {route.device}, which conflicts with the subnet {subnet}",
                    "give the network another subnet, or delete the route",
                )

    def _conflicting(self, subnet: Subnet) -> Route | None:
        return next((route for route in self._routes if route.conflicts_with(subnet)), None)

    @cached_property
    def _routes(self) -> tuple[Route, ...]:
        """The routes that are not of libvirt's networks; other networks' claims are part of planning."""
        if not self._is_here:
            return ()
        return tuple(route for route in routes() if route.device not in self._bridges)

    @cached_property
    def _bridges(self) -> frozenset[str]:
        """The bridges of active networks."""
        return frozenset(filter(None, map(_bridge, self._active.values())))

    @cached_property
    def _active(self) -> dict[str, libvirt.virNetwork]:
        try:
            with translated("networks"):
                active = self._virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
                return {network.name(): network for network in active}
        except HostError:
            return {}

    def _running(self, name: str) -> frozenset[Subnet]:
        """Return the subnets that a network has now, none if it is not active."""
        network = self._active.get(name)
        if network is None:
            return frozenset()
        try:
            with translated(name):
                return frozenset(subnets_of(parse(network.XMLDesc(0))))
        except HostError:
            return frozenset()


def _bridge(network: libvirt.virNetwork) -> str:
    """Return the name of an active network's bridge, "" if it has none or is gone."""
    try:
        with translated("bridge"):
            return str(network.bridgeName())
    except HostError:
        return ""
