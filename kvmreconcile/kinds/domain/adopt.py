"""
Write the shortest spec of an existing domain, in fields where possible and otherwise in XML.

libvirt's embedded driver, which runs in a helper process, shows which parts of the definition change
nothing. Those parts are omitted. Without the driver, nothing is omitted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kvmreconcile.errors import Rejected, SpecError, Unavailable
from kvmreconcile.kinds.domain.computed_values import complete
from kvmreconcile.kinds.domain.device_names import name_devices
from kvmreconcile.kinds.domain.render import NAME, ROOT, desire
from kvmreconcile.kinds.domain.resources.memory_size import without_devices
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.kinds.domain.spec import DomainSpec
from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.ownership_mark import without_mark
from kvmreconcile.model import Actual, OwnershipMark, Source, StateReason, Surroundings
from kvmreconcile.schema.decode import read_fields
from kvmreconcile.schema.omit_defaults import drop
from kvmreconcile.tree import Node, brief, diff, overlay, parse, paths, to_xml
from kvmreconcile.tree.paths import at, under
from kvmreconcile.tree.variants import for_policy

Place = tuple[int | str, ...]
"""Place of a part: the index of each child on the way from the root; for an attribute, its name is at the end."""

_KEPT = paths(*(path for section in SECTIONS for path in section.kept))
"""
Paths that an adopted spec includes even if libvirt would choose the same values.

Users expect them, or they identify devices.
"""
_KEPT_WITH = {path: child for section in SECTIONS for path, child in section.kept_with.items()}

PLAIN = for_policy(RULES, plain=True, shared=False, ignored=())

_LEVELS = 4
"""Depth down to which elements are omitted one by one. Deeper elements are omitted with their parents."""


def adopt(actual: Actual) -> dict[str, Any]:
    """
    Return the shortest spec of an existing domain: fields, and XML for the parts that no field covers.

    Devices get names. The candidates are tried in this order: the smallest definition in fields, the
    smallest that is valid by libvirt's schema, the whole definition in fields, and the whole definition as
    libvirt writes it. The first candidate that renders to the same domain is returned.
    """
    whole = name_devices(_without_plain_vcpus(without_mark(actual.tree)))
    state: dict[str, Any] = {"autostart": True} if actual.autostart else {}
    if not actual.active:
        state = {"state": "stopped", **state}
    elif actual.state_reason is StateReason.PAUSED:
        state = {"state": "paused", **state}
    last = {"uuid": actual.uuid, **state, "defaults": "libvirt", "checkSchema": False, "xml": to_xml(whole)}
    candidates = (_fields(tree, {**state, "defaults": "libvirt"} | more) for tree, more in _ways(whole))
    return next((fields for fields in candidates if _says(fields, actual, whole)), last)


def _ways(whole: Node) -> Iterator[tuple[Node, dict[str, Any]]]:
    """Yield candidate definitions, shortest first, each with the extra spec fields that it requires."""
    short = least(whole)
    yield short, {}
    if _is_same(whole, whole, valid=True):
        # libvirt's schema rejects some definitions that libvirt accepts; checking the schema too takes several times as long.
        yield least(whole, valid=True), {}
        yield whole, {}
    else:
        yield short, {"checkSchema": False}


def _says(fields: dict[str, Any], actual: Actual, whole: Node) -> bool:
    """
    Return whether a spec with these fields changes nothing and creates the same domain on another host.

    Args:
        whole: The definition of the existing domain.
    """
    try:
        spec = DomainSpec.model_validate(fields)
        wish = desire(Document(NAME, actual.key.name, spec, {}, Source(), Path()), actual.uuid)
    except (ValidationError, SpecError):
        return False
    if any(diff(whole, overlay(whole, wish.tree, RULES), RULES)):
        return False
    ownership_mark = OwnershipMark("", "", "")
    new = complete(
        overlay(Node(ROOT), wish.tree, PLAIN), Surroundings(actual.uuid, ownership_mark, True, lambda _: None)
    )
    try:
        return _is_same(without_mark(new), whole, valid=wish.policy.check_schema)
    except Unavailable:
        return True


def _without_plain_vcpus(domain: Node) -> Node:
    """
    Return the definition without `<vcpus>` if `<vcpu>` alone describes the same vCPUs.

    This is the case if the enabled vCPUs are the first ones, and their number equals the count in `<vcpu>`.
    """
    each = sorted(domain.all("vcpus/vcpu"), key=lambda vcpu: int(vcpu.attr("id") or 0))
    plugged = [vcpu.attr("enabled") == "yes" for vcpu in each]
    orders = [int(vcpu.attr("order") or 0) for vcpu in each if vcpu.attr("order")]
    count = domain.get("vcpu/@current") or domain.get("vcpu")
    is_plain = plugged == sorted(plugged, reverse=True) and orders == sorted(orders)
    return domain.without("vcpus") if is_plain and str(sum(plugged)) == count else domain


def _fields(tree: Node, beside: dict[str, Any]) -> dict[str, Any]:
    current, memory = tree.child("currentMemory"), tree.child("memory")
    if current and memory and (current.text, current.attrs) == (memory.text, memory.attrs):
        tree = replace(tree, children=tuple(c for c in tree.children if c is not current))
    fields, left = read_fields(DomainSpec, drop(_without_kind(without_devices(tree)), "name"), RULES)
    fields |= beside
    if not left.is_empty():
        fields["xml"] = brief(left)
    return fields


def _without_kind(tree: Node) -> Node:
    """Return the definition without the parts that `computed_values` adds: OS type "hvm", empty containers."""
    kind = tree.find("os/type")
    gone: set[Place] = set()
    if kind is not None and kind.text == "hvm":
        gone.add((*_place(tree, kind), "") if kind.attrs else _place(tree, kind))
    for tag in ("os", "devices"):
        container = tree.child(tag)
        if (
            container is not None
            and all((*_place(tree, c),) in gone for c in container.children)
            and not container.attrs
        ):
            gone.add(_place(tree, container))
    return _without(tree, gone)


def least(whole: Node, *, valid: bool = False) -> Node:
    """
    Return the shortest definition that libvirt completes to the same domain.

    Without libvirt's embedded driver, the whole definition is returned.

    Args:
        valid: Whether the result must also be valid by libvirt's schema.
    """
    try:
        goal = _canonical(whole)
    except (Unavailable, Rejected):
        return whole
    if any(diff(goal, whole, RULES)):
        return whole
    tree = goal
    for level in range(1, _LEVELS + 1):
        tree = _shrink(tree, goal, tuple(_elements(tree, level)), valid=valid)
    return _shrink(tree, goal, tuple(_attributes(tree)), valid=valid)


@lru_cache(maxsize=1024)
def _canonical(tree: Node, *, valid: bool = False) -> Node:
    from kvmreconcile.host.oracle import oracle  # noqa: PLC0415  what plans and validates needs no libvirt

    return parse(oracle().canonical(to_xml(tree), validate=valid))


def _shrink(tree: Node, goal: Node, parts: Sequence[Place], *, valid: bool) -> Node:
    """
    Return the tree without the parts that libvirt fills in with the same values.

    The parts are found by bisection.

    Args:
        goal: The definition that libvirt must complete the result to.
        parts: Places of the parts that may be omitted.
        valid: Whether the result must also be valid by libvirt's schema.
    """
    gone: set[Place] = set()

    def try_without(places: Sequence[Place]) -> None:
        if not places:
            return
        if _is_same(_without(tree, gone | set(places)), goal, valid=valid):
            gone.update(places)
        elif len(places) > 1:
            middle = len(places) // 2
            try_without(places[:middle])
            try_without(places[middle:])

    try_without(parts)
    return _without(tree, gone)


def _is_same(tree: Node, goal: Node, *, valid: bool) -> bool:
    try:
        return not any(diff(_canonical(tree, valid=valid), goal, RULES))
    except Rejected:
        return False


def _elements(tree: Node, level: int) -> Iterator[Place]:
    """Yield the places of the elements at a depth that may be omitted."""
    for place, node, path in _walk(tree, (), ""):
        if len(place) == level and path not in _KEPT and node is not tree:
            yield place


def _attributes(tree: Node) -> Iterator[Place]:
    for place, node, path in _walk(tree, (), ""):
        members = RULES.members.get(path)
        known_by = {part for key in (*members.keys, *members.hints) for part in key} if members else set()
        for name, _ in node.attrs:
            beside = _KEPT_WITH.get(at(path, name))
            is_kept = at(path, name) in _KEPT and (beside is None or node.child(beside))
            if not is_kept and f"@{name}" not in known_by:
                yield (*place, name)


def _walk(node: Node, place: Place, path: str) -> Iterator[tuple[Place, Node, str]]:
    yield place, node, path
    for index, child in enumerate(node.children):
        yield from _walk(child, (*place, index), under(path, child.tag))


def _place(tree: Node, wanted: Node) -> Place:
    return next(place for place, node, _ in _walk(tree, (), "") if node is wanted)


def _without(tree: Node, gone: set[Place]) -> Node:
    def keep(node: Node, place: Place) -> Node:
        attrs = tuple(a for a in node.attrs if (*place, a[0]) not in gone)
        children = tuple(
            keep(child, (*place, index))
            for index, child in enumerate(node.children)
            if (*place, index) not in gone
        )
        return replace(node, attrs=attrs, text="" if (*place, "") in gone else node.text, children=children)

    return keep(tree, ())
