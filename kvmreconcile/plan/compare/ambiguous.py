"""
Find lists with members that cannot be matched reliably, and leave these lists unchanged.

If a device in a spec were matched with the wrong device of a guest, a device in use would be
unplugged. So a list is held if its members can be matched neither by key nor by elimination: it is
removed from the desired definition before the comparison. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kvmreconcile.model import Actual, Desired, Key
from kvmreconcile.plan.compare.live import without_forgotten
from kvmreconcile.plan.compare.refused_parts import without_refused
from kvmreconcile.tree import Node, Rules, overlay
from kvmreconcile.tree.match import Ambiguity
from kvmreconcile.tree.paths import short
from kvmreconcile.tree.rules import labels
from kvmreconcile.tree.running import ambiguities, link_to_proposed


@dataclass(frozen=True, slots=True)
class AmbiguousList:
    """A list that is not changed: its path, the reason, and how a user can release it."""

    path: str
    detail: str
    release: str


@dataclass(frozen=True, slots=True)
class Certain:
    """
    A spec without its ambiguous lists, and the definition that results from it.

    Attributes:
        desired: The spec without the ambiguous lists.
        before: The earlier spec without the ambiguous lists; None if it is the same as now.
        proposed: The actual definition, overlaid with `desired`.
        live: The running definition, with members renamed to the keys that the spec uses; None if
            the object is not running.
        unclear: The ambiguous lists.
    """

    desired: Desired
    before: Node | None
    proposed: Node
    live: Node | None
    unclear: tuple[AmbiguousList, ...] = ()


def without_ambiguous(desired: Desired, actual: Actual, before: Node | None, rules: Rules) -> Certain:
    """
    Return a spec without ambiguous lists.

    Args:
        before: The earlier spec; None if it is the same as now.
    """
    unclear: dict[str, AmbiguousList] = {}
    whole, found = _taken(desired, actual, before, rules)
    for each in found:
        unclear.setdefault(each.path, each)
    if not unclear:
        return whole
    for path in unclear:
        desired = replace(desired, tree=desired.tree.without(path))
        before = before.without(path) if before else None
    rest, _ = _taken(desired, actual, before, rules)
    return replace(rest, unclear=tuple(unclear.values()))


def _taken(
    desired: Desired, actual: Actual, before: Node | None, rules: Rules
) -> tuple[Certain, list[AmbiguousList]]:
    """
    Match the list members of a spec to those of the stored and running definitions.

    Returns the spec with the resulting definition, and the lists where a match is uncertain.
    """
    start = without_refused(desired, actual, rules)
    proposed = overlay(without_forgotten(start, before, desired, rules), desired.tree, rules)
    unclear: list[AmbiguousList] = []
    if proposed is not start:
        found = ambiguities(start, before, desired.tree, rules)
        unclear += (_ambiguous(ambiguity, rules) for ambiguity in found)
    live = actual.live
    if live is not None:
        live, untraced = link_to_proposed(live, actual.tree, proposed, desired.tree, rules)
        unclear += (_untraceable(ambiguity, desired.key, rules) for ambiguity in untraced)
    return Certain(desired, before, proposed, live), unclear


def _ambiguous(ambiguity: Ambiguity, rules: Rules) -> AmbiguousList:
    have, want = (_names(nodes, ambiguity.path, rules) for nodes in (ambiguity.have, ambiguity.want))
    members = rules.members.get(ambiguity.path)
    detail = f"{ambiguity.path}: each of {want} could be any of {have}; nothing in this list is changed"
    return AmbiguousList(ambiguity.path, detail, members.advice if members else "")


def _untraceable(ambiguity: Ambiguity, key: Key, rules: Rules) -> AmbiguousList:
    have, want = (_names(nodes, ambiguity.path, rules) for nodes in (ambiguity.have, ambiguity.want))
    why = f"the running {have} cannot be matched to {want} in the spec"
    detail = f"{ambiguity.path}: {why}; nothing in this list is changed"
    return AmbiguousList(ambiguity.path, detail, f"restart {key}; the list is then compared again")


def _names(nodes: Sequence[Node], path: str, rules: Rules) -> str:
    members = rules.members.get(path)
    return ", ".join(f"{short(n.tag)}[{next(labels(n, members), '')}]" for n in nodes)
