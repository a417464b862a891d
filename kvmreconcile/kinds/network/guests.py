"""
Reattach the running guests of a network to its bridge after the network was started.

`reattachment` computes the necessary definitions.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress

import libvirt

from kvmreconcile.errors import Busy, HostError, NotFound
from kvmreconcile.host.definitions import Definitions
from kvmreconcile.host.errors import translated
from kvmreconcile.host.net_devices import has_net_device
from kvmreconcile.kinds.network.reattachment import (
    BridgedNetwork,
    interim_name,
    interims,
    is_guest,
    moved_to,
    reattachments,
)
from kvmreconcile.kinds.network.spelling import OWN_BRIDGE, mode_of
from kvmreconcile.tree import Node, parse, to_xml


def list_guests(virt: libvirt.virConnect, network: str) -> tuple[libvirt.virDomain, ...]:
    """Return the running domains that are, or may be, on the network."""
    definitions = Definitions(virt)
    active = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    return tuple(d for d in active if _may_be_guest(definitions, d, network))


def reattach_guests(
    virt: libvirt.virConnect, network: libvirt.virNetwork, guests: Collection[libvirt.virDomain]
) -> None:
    """
    Reattach guests to the network's bridge. A failure for one guest does not stop the others.

    Raises:
        HostError: Some guests could not be reattached.
    """
    if not guests:
        return
    bridged, definitions = _read_bridged(network), Definitions(virt)
    failures: list[HostError] = []
    with _interim(virt, bridged.network) if bridged.is_own else nullcontext():
        for domain in guests:
            try:
                _replug_guest(domain, definitions, bridged)
            except NotFound:
                continue
            except HostError as error:
                failures.append(error)
    if failures:
        what = "; ".join(map(str, failures))
        raise HostError(
            f"Network/{bridged.network} is active, but not all guests could be reattached to it: {what}"
        )


def end_interim(virt: libvirt.virConnect, network: str) -> None:
    """Remove the interim network, which may remain from a killed process."""
    with suppress(NotFound), translated(f"Network/{network}"):
        virt.networkLookupByName(interim_name(network)).destroy()


def change_interface(
    virt: libvirt.virConnect, domain: libvirt.virDomain, before: Node, interface: Node
) -> None:
    """
    Change an interface of a running domain.

    If the old and the new network have bridges of the same name, libvirt 11.0 and later do not attach the
    tap device, even if the new bridge was created after the interface was attached. In this case, the
    interface is moved through an interim network.

    Args:
        before: The interface in the running definition.
        interface: The interface with its changes.
    """
    own = f"{domain.name()}.{before.get('mac/@address')}"
    if not _is_bridge_of_that_name(virt, before, interface):
        domain.updateDeviceFlags(to_xml(interface), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        # The interim network remains if a process was killed while it moved the interface.
        if before.get("source/@network") == interim_name(own):
            end_interim(virt, own)
        return
    with _interim(virt, own):
        for definition in (moved_to(interface, interim_name(own)), interface):
            domain.updateDeviceFlags(to_xml(definition), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _is_bridge_of_that_name(virt: libvirt.virConnect, before: Node, interface: Node) -> bool:
    """Return whether an interface moves to another network whose bridge has the name of the current bridge."""
    network = interface.get("source/@network")
    if network is None or network == before.get("source/@network"):
        return False
    bridged = _read_bridged(virt.networkLookupByName(network))
    return bridged.is_own and bridged.bridge == before.get("source/@bridge")


@contextmanager
def _interim(virt: libvirt.virConnect, network: str) -> Iterator[None]:
    """Create the interim network, and remove it after the interfaces are reattached."""
    end_interim(virt, network)
    virt.networkCreateXML(to_xml(_with_free_bridge(virt, network)))
    try:
        yield
    finally:
        end_interim(virt, network)


def _with_free_bridge(virt: libvirt.virConnect, network: str) -> Node:
    """Return the interim network with a free bridge name; with the last candidate if all names are in use."""
    for definition in interims(network):
        if not has_net_device(virt, definition.get("bridge/@name") or ""):
            break
    return definition


def _read_bridged(network: libvirt.virNetwork) -> BridgedNetwork:
    tree = parse(network.XMLDesc(0))
    return BridgedNetwork(
        network=network.name(),
        bridge=tree.get("bridge/@name") or "",
        ports=frozenset(port.UUIDString() for port in network.listAllPorts()),
        is_own=mode_of(tree) in OWN_BRIDGE,
    )


def _replug_guest(domain: libvirt.virDomain, known: Definitions, bridged: BridgedNetwork) -> None:
    with translated(f"Domain/{domain.name()}"):
        for definitions in reattachments(parse(known.read(domain)), bridged):
            for definition in definitions:
                domain.updateDeviceFlags(to_xml(definition), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _may_be_guest(definitions: Definitions, domain: libvirt.virDomain, network: str) -> bool:
    """
    Return whether a running domain is on the network.

    Returns True if the domain cannot be read, and False if it no longer exists.
    """
    try:
        with translated(f"Domain/{domain.name()}"):
            return is_guest(parse(definitions.read(domain)), network)
    except NotFound:
        return False
    except Busy:
        return True
