"""Rules for changing an interface of a running guest."""

from dataclasses import replace

from kvmreconcile.kinds.domain.devices.hotplug import (
    CALL,
    NEWS,
    SOURCE,
    attach_and_detach,
    has_port,
    update_device,
)
from kvmreconcile.tree import Change, Node, Table, Update

_SWITCHED = {"network", "bridge"}


def _is_switched(change: Change, _domain: Node) -> bool:
    """Return whether the type of an interface changes between "network" and "bridge"."""
    return {change.old, change.new} <= _SWITCHED


_NIC = update_device()
_SWITCH = tuple(replace(row, after="@type") for row in _NIC)
"""Connections of an interface, each valid for interfaces of its type only."""
_BANDWIDTH = (Update("set-bandwidth", at=".", source=f"{SOURCE}#virDomainSetInterfaceParameters"),)

ACTIONS = Table(
    {
        "": attach_and_detach(has_port),
        "link": _NIC,
        "link/@state": _NIC,
        "@type": update_device(on="~", when=_is_switched),
        "source/@network": _SWITCH,
        "source/@bridge": _SWITCH,
        "coalesce": _NIC,
        "coalesce/rx/frames/@max": _NIC,
        "port": _NIC,
        "port/@isolated": _NIC,
        "@trustGuestRxFilters": (
            # Older versions report success and change nothing.
            Update("update", at=".", since=(10, 0, 0), source=NEWS.format("10-0-0-2024-01-15")),
        ),
        "filterref": _NIC,
        "filterref/@filter": _NIC,
        "filterref/parameter": _NIC,
        "bandwidth/inbound": _BANDWIDTH,
        "bandwidth/inbound/@*": _BANDWIDTH,
        "bandwidth/outbound": _BANDWIDTH,
        "bandwidth/outbound/@*": _BANDWIDTH,
        # Changes without a row above. For another port group libvirt 9.0 reports success and changes nothing.
        "**": (Update("replug", at=".", interrupts=True, source=CALL.format("Attach")),),
    }
)
