"""
Validate the definitions that a plan would store, before the plan is executed.

libvirt's embedded driver validates the definitions. The results are an input of the plan, like
observations, since planning itself does no I/O. Only definitions that would be stored are
validated, so an unchanged host needs no time for this. Of definitions that differ only in names,
addresses and amounts of memory, one is validated. If there are too many different definitions, some
are not validated in advance, and libvirt checks them when they are stored.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from kvmreconcile.errors import Rejected, Unavailable
from kvmreconcile.model import Action, Key, Plan, World
from kvmreconcile.plan.gates.invalid import definition_to_store
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.secrets.paths import definitions, secret_paths
from kvmreconcile.plan.secrets.redact import redacted
from kvmreconcile.tree import Node, make, to_xml
from kvmreconcile.tree.scalars import size_bytes
from kvmreconcile.tree.variants import for_secrets

AT_LEAST = 30
"""Number of different definitions that are always validated. Each takes about 9 ms."""
_NO_TIME = "skipped: too many changed definitions"
_LASTS_S = 60.0
"""Time in seconds for which the result for a definition that was not accepted is reused."""
ROOT = "domain"
"""The root element of the definitions that the driver validates."""


class Judge(Protocol):
    """libvirt's embedded driver. `kvmreconcile.host.oracle` implements it."""

    def canonical(self, xml: str, *, validate: bool = False) -> str:
        """
        Return a definition as libvirt stores it.

        Args:
            validate: Whether the definition is also checked with libvirt's schema.

        Raises:
            Rejected: The definition is invalid.
            Unavailable: The driver cannot run.
        """


@dataclass(frozen=True, slots=True)
class Validation:
    """
    The result of validating a definition.

    Attributes:
        refused: Why the definition is rejected, "" if it is not rejected.
        unknown: Why the result is not known, "" if the result is known.
    """

    refused: str = ""
    unknown: str = ""

    @property
    def why(self) -> str:
        """The reason why the definition is not accepted, or "" if it is accepted."""
        return self.refused or self.unknown


@dataclass(slots=True)
class Validations:
    """
    A cache of validation results.

    Attributes:
        judge: Returns the driver. Raises Unavailable if there is none.
        clock: Returns the time of a monotonic clock in seconds.
    """

    judge: Callable[[], Judge]
    clock: Callable[[], float] = time.monotonic
    _accepted: set[str] = field(default_factory=set)
    _others: dict[str, tuple[float, Validation]] = field(default_factory=dict)

    def validate_plan(
        self, plan: Plan, world: World, kinds: Rulebooks, within_s: float = math.inf
    ) -> dict[Key, Validation]:
        """
        Return, by object, the results for the definitions that a plan would store.

        Args:
            within_s: Time limit in seconds for more than `AT_LEAST` different definitions.
        """
        steps = (*plan.actions, *(held.action for held in plan.held))
        steps_by_key = {step.key: step for step in steps if _is_validated(step)}
        # Existing objects first, since a failed change costs more than a failed creation.
        order = sorted(steps_by_key, key=lambda key: world.observed.actual(key) is None)
        wanted = {key: (steps_by_key[key], _shape(steps_by_key[key])) for key in order}
        self._accepted &= {shape for _, shape in wanted.values()}
        now_s, count = self.clock(), 0
        self._others = {text: other for text, other in self._others.items() if other[0] > now_s}
        results: dict[Key, Validation] = {}
        for key, (step, shape) in wanted.items():
            if shape in self._accepted:
                results[key] = Validation()
                continue
            if count >= AT_LEAST and self.clock() - now_s > within_s:
                results[key] = Validation(unknown=_NO_TIME)
                continue
            count += 1
            try:
                results[key] = self._validation(step, world, kinds)
            except Unavailable as error:
                results[key] = Validation(unknown=str(error))
            if not results[key].why:
                self._accepted.add(shape)
        return results

    def _validation(self, step: Action, world: World, kinds: Rulebooks) -> Validation:
        """
        Return the result for the definition of a step.

        A rejection is cached only for a limited time, since another QEMU or firmware may accept the
        definition later.
        """
        text = f"{step.policy.check_schema}{to_xml(step.definition)}"
        if text not in self._others:
            validation = _without_secrets(_validate(self.judge(), step), step, world, kinds)
            if not validation.why:
                return validation
            self._others[text] = self.clock() + _LASTS_S, validation
        return self._others[text][1]


def _is_validated(step: Action) -> bool:
    whole = definition_to_store((step,))
    return whole is not None and whole.tag == ROOT


def _without_secrets(validation: Validation, step: Action, world: World, kinds: Rulebooks) -> Validation:
    """Return a result with secrets masked, since libvirt may quote values of the definition."""
    if not validation.why:
        return validation
    rules = for_secrets(kinds[step.key.kind].rules, secret_paths(step.key, world))
    trees = (step.definition, *definitions(step.key, world))
    return replace(
        validation,
        refused=redacted(validation.refused, trees, rules),
        unknown=redacted(validation.unknown, trees, rules),
    )


def _validate(judge: Judge, step: Action) -> Validation:
    """
    Validate the definition of a step.

    The result is unknown if this machine may be the cause of a rejection. If even a minimal guest
    of the same type is rejected, for example without KVM, the definition is validated as an
    emulated guest.
    """
    domain, validate = step.definition, step.policy.check_schema
    why = _refusal(judge, domain, validate=validate)
    if why and _refusal(judge, _minimal(domain)):
        domain = _emulated(domain)
        if least := _refusal(judge, _minimal(domain)):
            return Validation(
                unknown="libvirt on this machine rejects the guest's type, architecture, machine or emulator; "
                f"the cause may be the spec or this machine ({least})"
            )
        why = _refusal(judge, domain, validate=validate)
    if why and domain.child("cpu") and not _refusal(judge, domain.without("cpu")):
        return Validation(
            unknown=f"libvirt on this machine rejects the cpu element; the cause may be the spec or this machine ({why})"
        )
    return Validation(refused=why)


def _refusal(judge: Judge, domain: Node, *, validate: bool = False) -> str:
    """Return why the driver rejects a definition, or "" if it accepts the definition."""
    try:
        judge.canonical(to_xml(domain), validate=validate)
    except Rejected as error:
        return str(error)
    return ""


def _emulated(domain: Node) -> Node:
    attrs = dict(domain.attrs) | {"type": "qemu"}
    return replace(domain.without("cpu"), attrs=tuple(sorted(attrs.items())))


def _minimal(domain: Node) -> Node:
    """Return a minimal definition with the same type, machine and emulator."""
    kind, emulator = domain.find("os/type") or Node("type"), domain.find("devices/emulator")
    devices = make("devices", children=(emulator,) if emulator else ())
    memory = make("memory", {"unit": "MiB"}, "64")
    names = (make("name", text="least"), memory, make("os", children=(kind,)), devices)
    return replace(domain, children=names)


def _shape(step: Action) -> str:
    """
    Return a text that is equal for all steps with the same validation result.

    It contains the definition without values that do not affect validation.
    """
    return f"{step.policy.check_schema}{_plain(_without_amounts(step.definition))}"


def _without_amounts(domain: Node) -> Node:
    """
    Return a definition without its amounts of memory.

    They are kept if other elements depend on them, or if they contradict each other.
    """
    memory, current = (_amount(domain, tag) for tag in ("memory", "currentMemory"))
    is_alone = not any(domain.find(path) for path in _PARTS_OF_MEMORY)
    if not is_alone or memory is None or (current or 0) > memory:
        return domain
    return domain.without("memory").without("currentMemory")


def _amount(domain: Node, tag: str) -> int | None:
    return size_bytes(domain.get(tag) or "", domain.get(f"{tag}/@unit") or "KiB")


_PARTS_OF_MEMORY = ("maxMemory", "cpu/numa", "devices/memory", "memoryBacking", "memtune", "numatune")
_NAMES = frozenset({"name", "uuid", "title", "description", "metadata", "alias"})
_PLACES = {
    "source": frozenset({"file", "dev", "volume"}),
    "mac": frozenset({"address"}),
    "nvram": frozenset({""}),
}
"""Elements and their attributes whose values do not affect validation by libvirt's driver."""


def _plain(node: Node) -> str:
    free = _PLACES.get(node.tag, frozenset[str]())
    attrs = [(name, "" if name in free else value) for name, value in node.attrs]
    inside = "".join([_plain(child) for child in node.children if child.tag not in _NAMES])
    return f"({node.tag}{attrs}{'' if '' in free else node.text!r}{inside})"
