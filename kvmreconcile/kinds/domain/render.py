"""
From a domain's document to what it wants. Pure.

Separate from the spec because only here fields mean more than their place in libvirt's XML.
"""

from dataclasses import replace
from typing import cast

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.kinds.domain.parts.cpu import Cpu
from kvmreconcile.kinds.domain.parts.placement import Cell
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.domain.spec import DomainSpec
from kvmreconcile.kinds.domain.spelling import all_in_use, canonical, with_slots, without_given_aliases
from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.rendering import make_desired, spec_tree
from kvmreconcile.model import Desired, Key, Policy, Power

NAME = "Domain"
ROOT = "domain"

_POWER = {"running": Power.RUNNING, "stopped": Power.STOPPED, "paused": Power.PAUSED, "any": None}


def key(document: Document) -> Key:
    """Return the identity of the domain that a document is about."""
    return Key(NAME, document.name)


def desire(document: Document, uuid: str) -> Desired:
    """
    Return what a document wants, and nothing that it does not say; `uuid` is the one to be born with.

    Memory that is not said to be shared with the balloon is all the guest's.

    Raises:
        SpecError: Its `xml` cannot be used.
    """
    spec = cast("DomainSpec", document.spec)
    tree = without_given_aliases(canonical(spec_tree(document, _with_cell(spec), ROOT, RULES)))
    if spec.memory is not None and spec.current_memory is None:
        tree = all_in_use(tree)
    if spec.hotplug is not None:
        tree = with_slots(tree, spec.hotplug.slots)
    wish = make_desired(document, key(document), tree, tree.get("uuid") or uuid)
    return replace(
        wish,
        power=_POWER[spec.state],
        autostart=spec.autostart,
        policy=_policy(document, wish.policy),
        after=tuple(Key(NAME, name) for name in dict.fromkeys(spec.start_after)),
    )


def _policy(document: Document, policy: Policy) -> Policy:
    spec = cast("DomainSpec", document.spec)
    ready = spec.ready.asked() if spec.ready else None
    policy = replace(
        policy, leave_stopped=spec.on_guest_stop == "leave", ready=ready, removal=spec.removal.goes()
    )
    try:
        return spec.update.onto(policy, document.labels)
    except LookupError:
        where = f"{document.source}: {NAME}/{document.name}: spec.update.group"
        todo = 'correct the name, or add the label to "metadata.labels"'
        raise SpecError([Problem(where, "names a label that the guest does not have", todo)]) from None


def _with_cell(spec: DomainSpec) -> DomainSpec:
    """Put all into one NUMA cell where memory is to be plugged in, which libvirt takes to no other guest."""
    memory, vcpus, cpu = spec.memory, spec.vcpus, spec.cpu or Cpu()
    if memory is None or memory.maximum is None or memory.size is None or cpu.numa is not None:
        return spec
    last = (vcpus.maximum or 1) - 1 if vcpus else 0
    cell = Cell.model_construct(id=0, cpus=f"0-{last}" if last else "0", memory=memory.size)
    return spec.model_copy(update={"cpu": cpu.model_copy(update={"numa": [cell]})})
