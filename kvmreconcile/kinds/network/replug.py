"""
Put the running guests of a network back on its bridge after the network was started.

Part of the driver of networks; what to ask libvirt for is in `plugs`.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import libvirt

from kvmreconcile.errors import Busy, HostError, NotFound
from kvmreconcile.host.definitions import Definitions
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.network.plugs import Outlet, interim, interim_name, is_guest, unplugged
from kvmreconcile.kinds.network.spelling import OWN_BRIDGE, mode_of
from kvmreconcile.tree import parse, to_xml


def list_guests(virt: libvirt.virConnect, network: str) -> tuple[libvirt.virDomain, ...]:
    """Return the running domains that are on the network, or may be."""
    definitions = Definitions(virt)
    active = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    return tuple(d for d in active if _may_be_guest(definitions, d, network))


def replug(
    virt: libvirt.virConnect, network: libvirt.virNetwork, guests: Collection[libvirt.virDomain]
) -> None:
    """
    Put guests back on the network's bridge; one that cannot be does not keep others off.

    Raises:
        HostError: Guests could not be put back; the others are.
    """
    if not guests:
        return
    outlet, definitions = _outlet(network), Definitions(virt)
    failures: list[HostError] = []
    with _interim(virt, outlet):
        for domain in guests:
            try:
                _replug_guest(domain, definitions, outlet)
            except NotFound:
                continue
            except HostError as error:
                failures.append(error)
    if failures:
        what = "; ".join(map(str, failures))
        raise HostError(
            f"Network/{outlet.network} is started, but guests could not be put back on it: {what}"
        )


def end_interim(virt: libvirt.virConnect, network: str) -> None:
    """Remove the interim network, which may be left of a process that was killed."""
    with suppress(NotFound), translated(f"Network/{network}"):
        virt.networkLookupByName(interim_name(network)).destroy()


@contextmanager
def _interim(virt: libvirt.virConnect, outlet: Outlet) -> Iterator[None]:
    """Have the interim network while guests are put back, if it takes one."""
    if not outlet.is_own:
        yield
        return
    end_interim(virt, outlet.network)
    virt.networkCreateXML(to_xml(interim(outlet.network)))
    try:
        yield
    finally:
        end_interim(virt, outlet.network)


def _outlet(network: libvirt.virNetwork) -> Outlet:
    return Outlet(
        network=network.name(),
        bridge=network.bridgeName(),
        ports=frozenset(port.UUIDString() for port in network.listAllPorts()),
        is_own=mode_of(parse(network.XMLDesc(0))) in OWN_BRIDGE,
    )


def _replug_guest(domain: libvirt.virDomain, known: Definitions, outlet: Outlet) -> None:
    with translated(f"Domain/{domain.name()}"):
        for definitions in unplugged(parse(known.read(domain)), outlet):
            for definition in definitions:
                domain.updateDeviceFlags(to_xml(definition), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _may_be_guest(definitions: Definitions, domain: libvirt.virDomain, network: str) -> bool:
    """Tell whether a running domain is on the network; one that does not answer may be, and one that has gone is not."""
    try:
        with translated(f"Domain/{domain.name()}"):
            return is_guest(parse(definitions.read(domain)), network)
    except NotFound:
        return False
    except Busy:
        return True
