"""
What libvirt's own driver says of the definitions that a plan would store, before any of it is done.

A plan depends on it like on everything that is observed, and asks nobody itself. Only definitions that would be stored
are asked about, so that an unchanged host costs nothing, and of many that differ in names and addresses alone, one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from kvmreconcile.errors import HostError, Rejected, Unavailable
from kvmreconcile.model import Action, Key, Plan
from kvmreconcile.plan.invalid import definition
from kvmreconcile.tree import Node, make, to_xml

ROOT = "domain"
"""The root of the definitions that the driver judges."""


class Judge(Protocol):
    """libvirt's embedded driver, see `kvmreconcile.host.oracle`."""

    def canonical(self, xml: str, *, validate: bool = False) -> str:
        """Return what libvirt makes of a definition; raises Rejected, or Unavailable where it cannot be asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What was said of a definition.

    Attributes:
        refused: Why it is refused, "" where it is not.
        unknown: Why that is not known, "" where it is.
    """

    refused: str = ""
    unknown: str = ""


@dataclass(slots=True)
class Verdicts:
    """
    What was said of definitions so far.

    Attributes:
        judge: Returns who is asked; raises Unavailable, with the reason, where nobody can be.
    """

    judge: Callable[[], Judge]
    _known: dict[tuple[Node, bool], Verdict] = field(default_factory=dict)

    def of(self, plan: Plan) -> dict[Key, Verdict]:
        """Return what is said of the definitions that the steps of a plan would store, by object."""
        steps = (*plan.actions, *(held.action for held in plan.held))
        wanted = {step.key: (step.definition, _shape(step)) for step in steps if _is_asked_about(step)}
        known, self._known = self._known, {}
        for domain, shape in wanted.values():
            if shape not in self._known:
                self._known[shape] = known.get(shape) or self._ask(domain, validate=shape[1])
        said = {key: self._known[shape] for key, (_, shape) in wanted.items()}
        self._known = {shape: verdict for shape, verdict in self._known.items() if not verdict.unknown}
        return said

    def _ask(self, domain: Node, *, validate: bool) -> Verdict:
        try:
            return _ask(self.judge(), domain, validate=validate)
        except Unavailable as error:
            return Verdict(unknown=str(error))


def _is_asked_about(step: Action) -> bool:
    whole = definition((step,))
    return whole is not None and whole.tag == ROOT


def _ask(judge: Judge, domain: Node, *, validate: bool) -> Verdict:
    """
    Return what is said of a definition; of a refusal that lies in the machine that was asked, nothing is concluded.

    What the driver was asked on may lack KVM, or a processor like the host's.
    """
    try:
        judge.canonical(to_xml(domain), validate=validate)
    except Unavailable:
        raise
    except Rejected as error:
        why = str(error)
    except HostError as error:
        return Verdict(unknown=str(error))
    else:
        return Verdict()
    is_common = _is_refused(judge, _least(domain))
    is_cpu = domain.child("cpu") is not None and not _is_refused(judge, domain.without("cpu"))
    return (
        Verdict(unknown=f"it depends on the machine: {why}") if is_common or is_cpu else Verdict(refused=why)
    )


def _is_refused(judge: Judge, domain: Node) -> bool:
    try:
        judge.canonical(to_xml(domain))
    except Rejected:
        return True
    return False


def _least(domain: Node) -> Node:
    """Return a definition with nothing but what a guest is run by."""
    kind, emulator = domain.find("os/type") or Node("type"), domain.find("devices/emulator")
    devices = make("devices", children=(emulator,) if emulator else ())
    memory = make("memory", {"unit": "MiB"}, "64")
    names = (make("name", text="least"), memory, make("os", children=(kind,)), devices)
    return replace(domain, children=names)


def _shape(step: Action) -> tuple[Node, bool]:
    """Return a definition without what tells it from its likes, and whether libvirt's schema is asked, too."""
    return _plain(step.definition), step.policy.check_schema


_NAMES = frozenset({"name", "uuid", "title", "description", "metadata", "alias"})
_PLACES = {
    "source": frozenset({"file", "dev", "volume"}),
    "mac": frozenset({"address"}),
    "nvram": frozenset({""}),
}
"""Elements and their attributes of which any value is as good as another to libvirt's driver."""


def _plain(node: Node) -> Node:
    free = _PLACES.get(node.tag, frozenset[str]())
    return replace(
        node,
        attrs=tuple((name, "" if name in free else value) for name, value in node.attrs),
        text="" if "" in free else node.text,
        children=tuple(_plain(child) for child in node.children if child.tag not in _NAMES),
    )
