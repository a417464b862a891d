"""Virtual networks, and libvirt networks for existing bridges of the host."""

from typing import Any

from kvmreconcile.kinds.kind import Driver, Kind, Lacks
from kvmreconcile.kinds.network import render
from kvmreconcile.kinds.network.dhcp_problems import find_dhcp_problems
from kvmreconcile.kinds.network.rules import RULES
from kvmreconcile.kinds.network.spec import NetworkSpec
from kvmreconcile.model import Manual


def _driver() -> Driver:
    from kvmreconcile.kinds.network.driver import NetworkDriver  # noqa: PLC0415  only the driver loads libvirt

    return NetworkDriver()


def _lacks(connection: Any) -> Lacks:
    from kvmreconcile.kinds.network.host_conflicts import HostConflicts  # noqa: PLC0415  only the driver loads libvirt

    return HostConflicts(connection).lacks


KIND = Kind(
    name=render.NAME,
    root=render.ROOT,
    spec=NetworkSpec,
    rules=RULES,
    key=render.key,
    desire=render.desire,
    complete=render.complete,
    driver=_driver,
    find_problems=find_dhcp_problems,
    adopt=render.adopt,
    cost=render.cost,
    lacks=_lacks,
    has_ownership_mark=True,
    commands={Manual.REMOVE: "{virsh} net-destroy {name}; {virsh} net-undefine {name}"},
)
