"""
Observe and change networks with libvirt.

Each change is stored first. Verbs that change an active network then update the live definition to the
stored definition.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from threading import Lock

import libvirt

from kvmreconcile.errors import HostError, Refused, Rejected, Unsupported
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import ErrorClass, ensure_state, translated
from kvmreconcile.host.events import Events
from kvmreconcile.host.listing import Calls, Filters, Flags, observe_kind
from kvmreconcile.kinds.network.bridge import check_bridge_is_free
from kvmreconcile.kinds.network.edits import SECTIONS, Command, Edit, Section, find_edits
from kvmreconcile.kinds.network.guests import end_interim, list_guests, reattach_guests
from kvmreconcile.kinds.network.reattachment import (
    has_detached_mark,
    is_interim,
    with_detached_mark,
    without_detached_mark,
)
from kvmreconcile.kinds.network.render import NAME
from kvmreconcile.kinds.network.spelling import normalize_observed
from kvmreconcile.kinds.ownership_mark import read_mark
from kvmreconcile.model import Action, Actual, Key, Observation
from kvmreconcile.tree import Node, parse, to_xml

_FILTERS = Filters(
    active=libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE,
    autostart=libvirt.VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
    persistent=libvirt.VIR_CONNECT_LIST_NETWORKS_PERSISTENT,
)
_SECTIONS: Mapping[Section, int] = {
    Section.DHCP_RANGE: libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE,
    Section.DHCP_HOST: libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
    Section.DNS_HOST: libvirt.VIR_NETWORK_SECTION_DNS_HOST,
    Section.DNS_TXT: libvirt.VIR_NETWORK_SECTION_DNS_TXT,
    Section.DNS_SRV: libvirt.VIR_NETWORK_SECTION_DNS_SRV,
    Section.FORWARD_INTERFACE: libvirt.VIR_NETWORK_SECTION_FORWARD_INTERFACE,
    Section.PORTGROUP: libvirt.VIR_NETWORK_SECTION_PORTGROUP,
}
_REFUSALS: Mapping[int, ErrorClass] = dict.fromkeys(
    (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_OPERATION_INVALID),
    Refused,
)
"""libvirt's errors for an update that it rejects, such as one that conflicts with existing entries."""
_COMMANDS: Mapping[Command, int] = {
    Command.DELETE: libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
    Command.MODIFY: libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY,
    Command.ADD: libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
}


_DEFINING = Lock()
"""Locked while a network is defined: libvirt may assign one bridge to two networks defined at the same time."""


# libvirt reports a change of metadata since 9.8, and older bindings lack the constant.
_METADATA = getattr(libvirt, "VIR_NETWORK_EVENT_ID_METADATA_CHANGE", None)
_EVENTS = Events(
    "network", (libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, *([_METADATA] if _METADATA is not None else []))
)


class NetworkDriver:
    """Reads and changes networks."""

    events = _EVENTS

    def observe(self, connection: Connection, names: Collection[str] | None = None) -> Observation:
        """Read all networks, or the networks with the given names. Flags are read with a few list calls."""
        virt = connection.virt
        calls = Calls(partial(_listed, virt), virt.networkLookupByName, _read)
        lasting = None if names is None else [name for name in names if not is_interim(name)]
        return observe_kind(NAME, calls, _FILTERS, lasting)

    def perform(self, connection: Connection, action: Action) -> None:
        """Execute one action."""
        with translated(str(action.key)):
            _VERBS[action.verb.name](connection.virt, action)


def _listed(virt: libvirt.virConnect, flags: int) -> Iterator[libvirt.virNetwork]:
    """Yield the networks, except interim networks."""
    return (network for network in virt.listAllNetworks(flags) if not is_interim(network.name()))


def _read(key: Key, network: libvirt.virNetwork, flags: Flags) -> Actual:
    """
    Read one network.

    A network counts as inactive until all its guests are reattached, so that the next pass starts it again.
    """
    stored = _stored_xml(network)
    tree = parse(stored)
    active = flags.active and not has_detached_mark(tree)
    return Actual(
        key=key,
        uuid=network.UUIDString(),
        xml=to_xml(without_detached_mark(tree)) if has_detached_mark(tree) else stored,
        live_xml=normalize_observed(network.XMLDesc(0)) if active else None,
        active=active,
        autostart=flags.autostart,
        persistent=flags.persistent,
        ownership_mark=read_mark(tree),
    )


def _stored_xml(network: libvirt.virNetwork) -> str:
    """
    Return the stored definition of a network.

    libvirt's test driver has only one definition, and no flag for the stored one.
    """
    try:
        return normalize_observed(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
        return normalize_observed(network.XMLDesc(0))


def _define(virt: libvirt.virConnect, action: Action) -> None:
    _store(virt, action.definition)


def _store(virt: libvirt.virConnect, tree: Node) -> None:
    with _DEFINING:
        virt.networkDefineXMLFlags(to_xml(tree), libvirt.VIR_NETWORK_DEFINE_VALIDATE)


def _start(virt: libvirt.virConnect, action: Action) -> None:
    network = _network(virt, action)
    guests = list_guests(virt, network.name())
    if not network.isActive():
        check_bridge_is_free(virt, parse(_stored_xml(network)))
        if guests:
            _store(virt, with_detached_mark(parse(_stored_xml(network))))
        ensure_state(network.create, lambda: bool(network.isActive()))
    reattach_guests(virt, network, guests)
    stored = parse(_stored_xml(network))
    if has_detached_mark(stored):
        _store(virt, without_detached_mark(stored))


def _stop(virt: libvirt.virConnect, action: Action) -> None:
    network = _network(virt, action)
    ensure_state(network.destroy, lambda: not network.isActive())


def _restart(virt: libvirt.virConnect, action: Action) -> None:
    _stop(virt, action)
    _start(virt, action)


def _autostart(virt: libvirt.virConnect, action: Action) -> None:
    _network(virt, action).setAutostart(1)


def _no_autostart(virt: libvirt.virConnect, action: Action) -> None:
    _network(virt, action).setAutostart(0)


def _remove(virt: libvirt.virConnect, action: Action) -> None:
    try:
        network = _network(virt, action)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_NETWORK:
            return
        raise
    end_interim(virt, network.name())
    persistent = network.isPersistent()
    ensure_state(network.destroy, lambda: not network.isActive())
    if persistent:
        network.undefine()


def _update(virt: libvirt.virConnect, action: Action) -> None:
    """
    Update the verb's sections of the live definition to the stored definition.

    If libvirt rejects an edit, the previous edits are reverted.
    """
    network = _network(virt, action)
    if not network.isActive():
        return
    before, stored = _running(network), parse(_stored_xml(network))
    try:
        with translated(str(action.key), _REFUSALS):
            for edit in find_edits(action.verb.name, before, stored, action.steps):
                _send(network, edit)
    except (Refused, Rejected, Unsupported):
        # The caller restores the stored definition, so edits that were accepted before are reverted here.
        with suppress(HostError), translated(str(action.key)):
            for edit in find_edits(action.verb.name, _running(network), before, action.steps):
                _send(network, edit)
        raise


def _running(network: libvirt.virNetwork) -> Node:
    return parse(normalize_observed(network.XMLDesc(0)))


def _send(network: libvirt.virNetwork, edit: Edit) -> None:
    # Live only, since the change is already stored. libvirt-python passes command and section in the order of the C header.
    network.update(
        _COMMANDS[edit.command],
        _SECTIONS[edit.section],
        edit.parent,
        to_xml(edit.element),
        libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE,
    )


def _network(virt: libvirt.virConnect, action: Action) -> libvirt.virNetwork:
    return virt.networkLookupByName(action.key.name)


_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "create": _define,
    "define": _define,
    "own": _define,
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "autostart": _autostart,
    "no-autostart": _no_autostart,
    "remove": _remove,
    **dict.fromkeys(SECTIONS, _update),
}
