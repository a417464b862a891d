"""Virtual machines."""

from typing import Any

from kvmreconcile.kinds.domain import render
from kvmreconcile.kinds.domain.checks import find_problems
from kvmreconcile.kinds.domain.computed_values import complete
from kvmreconcile.kinds.domain.describe import describe
from kvmreconcile.kinds.domain.disk.relocation import RELOCATION
from kvmreconcile.kinds.domain.lifecycle.removal_cost import cost
from kvmreconcile.kinds.domain.resources.hotplug_capacity import notes
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.domain.spec import DomainSpec
from kvmreconcile.kinds.kind import Driver, Kind, Lacks
from kvmreconcile.model import Actual, Manual

_COMMANDS = {
    Manual.START: "{virsh} start {name}",
    Manual.SHUT_DOWN: "{virsh} shutdown {name}",
    Manual.RESUME: "{virsh} resume {name}",
    Manual.POWER_OFF: "{virsh} destroy {name}",
    Manual.DISCARD_SAVE: "{virsh} managedsave-remove {name}",
}


def _driver() -> Driver:
    from kvmreconcile.kinds.domain.driver import DomainDriver  # noqa: PLC0415  what plans and validates needs no libvirt

    return DomainDriver()


def _adopt(actual: Actual) -> dict[str, Any]:
    from kvmreconcile.kinds.domain.adopt import adopt  # noqa: PLC0415  only adopting needs it

    return adopt(actual)


def _lacks(connection: Any) -> Lacks:
    from kvmreconcile.kinds.domain.calls.host_parts import HostParts  # noqa: PLC0415  only a host can be asked

    return HostParts(connection).lacks


KIND = Kind(
    name=render.NAME,
    root=render.ROOT,
    spec=DomainSpec,
    rules=RULES,
    key=render.key,
    desire=render.desire,
    complete=complete,
    driver=_driver,
    find_problems=find_problems,
    adopt=_adopt,
    relocation=RELOCATION,
    notes=notes,
    cost=cost,
    describe=describe,
    lacks=_lacks,
    commands=_COMMANDS,
    has_ownership_mark=True,
    renames=True,
    one_host=True,
)
