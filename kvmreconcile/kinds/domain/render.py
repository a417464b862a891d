"""Render a domain's document to its desired state. Pure."""

from dataclasses import replace
from typing import cast

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.kinds.domain.devices.controller import ControllerFields, with_slots
from kvmreconcile.kinds.domain.devices.naming import without_given_aliases
from kvmreconcile.kinds.domain.lifecycle.autostart import AutostartFields
from kvmreconcile.kinds.domain.lifecycle.readiness import ReadinessFields
from kvmreconcile.kinds.domain.lifecycle.removal import RemovalFields
from kvmreconcile.kinds.domain.lifecycle.state import POWER, StateFields
from kvmreconcile.kinds.domain.lifecycle.update import UpdateFields
from kvmreconcile.kinds.domain.resources.memory import MemoryFields
from kvmreconcile.kinds.domain.resources.memory_hotplug import with_cell
from kvmreconcile.kinds.domain.resources.memory_size import all_in_use, canonical
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.domain.section import fields_of
from kvmreconcile.kinds.domain.spec import DomainSpec
from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.rendering import make_desired, spec_tree
from kvmreconcile.model import Desired, Key, Policy

NAME = "Domain"
ROOT = "domain"


def key(document: Document) -> Key:
    """Return the key of a document's domain."""
    return Key(NAME, document.name)


def desire(document: Document, uuid: str) -> Desired:
    """
    Return the desired domain of a document, with the values of the spec only.

    If the spec sets the memory but no balloon size, the guest gets all of the memory.

    Args:
        uuid: UUID for a new domain whose spec has none.

    Raises:
        SpecError: The `xml` of the spec is invalid.
    """
    spec = cast("DomainSpec", document.spec)
    memory, hotplug = fields_of(spec, MemoryFields), fields_of(spec, ControllerFields).hotplug
    tree = without_given_aliases(canonical(spec_tree(document, with_cell(spec), ROOT, RULES)))
    if memory.memory is not None and memory.current_memory is None:
        tree = all_in_use(tree)
    if hotplug is not None:
        tree = with_slots(tree, hotplug.slots)
    wish = make_desired(document, key(document), tree, tree.get("uuid") or uuid)
    return replace(
        wish,
        power=POWER[fields_of(spec, StateFields).state],
        autostart=fields_of(spec, AutostartFields).autostart,
        policy=_policy(document, wish.policy),
        after=tuple(Key(NAME, name) for name in dict.fromkeys(fields_of(spec, ReadinessFields).start_after)),
    )


def _policy(document: Document, policy: Policy) -> Policy:
    spec = document.spec
    ready, update = fields_of(spec, ReadinessFields).ready, fields_of(spec, UpdateFields).update
    lifecycle = replace(
        update.lifecycle(),
        leave_stopped=fields_of(spec, StateFields).on_guest_stop == "leave",
        ready=ready.asked() if ready else None,
        removal=fields_of(spec, RemovalFields).removal.goes(),
    )
    try:
        return replace(update.onto(policy, document.labels), lifecycle=lifecycle)
    except LookupError:
        where = f"{document.source}: {NAME}/{document.name}: spec.update.group"
        todo = 'correct the name, or add the label to "metadata.labels"'
        raise SpecError([Problem(where, "refers to a label that the guest does not have", todo)]) from None
