"""
Hold steps that need a resource of another object, such as its disk or UUID.

The other object may be managed or not. A start is held while another active object uses the same
resource. Creating or changing an object is held while another object has a resource that libvirt
allows only once, such as a UUID. Unlike a conflict between specs, this conflict can end without an
edit of a spec. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kvmreconcile.model import Action, Actual, Held, Hold, HoldReason, Key
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.groups import following_steps
from kvmreconcile.plan.gates.invalid import definition_to_store
from kvmreconcile.plan.order.identities import (
    Claim,
    Claimants,
    Claiming,
    claims,
    claims_of,
    find_claiming,
    show_claim,
)
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.paths import secret_paths
from kvmreconcile.tree import Node


def hold_resource_conflicts(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """Hold steps that need a resource of another object, and all later steps on their objects."""
    owners = {
        kind: _Owners(kind, context)
        for kind in {a.key.kind for a in actions if _may_claim(a)}
        if context.kinds[kind].rules.identities.rows
    }
    held: list[Held] = []
    stopped: set[int] = set()
    for action in actions:
        if action.key.kind not in owners or id(action) in stopped or not _may_claim(action):
            continue
        steps = tuple(a for a in actions if a.key == action.key)
        if why := owners[action.key.kind].why_not(action, steps):
            waits = following_steps(action, actions)
            stopped |= {id(a) for a in waits}
            held += [why.on(a) for a in waits]
    return [a for a in actions if id(a) not in stopped], held


def _may_claim(action: Action) -> bool:
    """Return whether a step stores a definition or activates an object."""
    return action.verb.stores or action.verb.activates


@dataclass(frozen=True, slots=True)
class _Claimed:
    """The elements of an observed definition that claim resources, cached between plans."""

    xml: str
    kind: Rulebook
    elements: Claiming


class _Owners:
    """
    The observed objects of a kind, by the resources that they claim.

    Active objects have all their claims. Inactive objects have only the claims that libvirt allows
    once.
    """

    def __init__(self, name: str, context: PlanContext) -> None:
        kind, world = context.kinds[name], context.world
        self._kind, self._world, self._cache = kind, world, context.cache
        self._lookup = Lookups(world).lookup
        self._active, self._existing = Claimants(), Claimants()
        for key, seen in world.observed.objects.items():
            if key.kind == kind.name and isinstance(seen, Actual) and key not in context.leaving:
                # A running definition may have another bridge or UUID than the stored one.
                stored = tuple(self._claims("stored", key, seen.xml, seen.tree))
                live = tuple(self._claims("live", key, seen.live_xml or "", seen.live)) if seen.active else ()
                self._existing.add(key, (claim for claim in (*stored, *live) if claim.row.unique))
                self._active.add(key, (live or stored) if seen.active else ())

    def why_not(self, action: Action, steps: tuple[Action, ...]) -> HoldReason | None:
        """Return the hold of a step because another object has the same claim, or None."""
        key, is_start = action.key, action.verb.activates
        actual = self._world.observed.actual(key)
        whole = definition_to_store(steps) or (actual.tree if actual else self._world.desired[key].tree)
        for claim in claims(whole, self._kind.rules, self._lookup):
            if is_start or claim.row.unique:
                having = (self._active if is_start else self._existing).of(claim)
                # If both already have the claim, libvirt has accepted it, and this step keeps it.
                if having and key not in having:
                    return self._why(key, min(having.items()), claim, is_start=is_start)
        return None

    def _why(self, key: Key, having: tuple[Key, Claim], claim: Claim, *, is_start: bool) -> HoldReason:
        owner, theirs = having
        secrets = (*secret_paths(key, self._world), *secret_paths(owner, self._world))
        what = show_claim(claim, self._kind.rules, secrets)
        if theirs.value != claim.value:
            what = f"{show_claim(theirs, self._kind.rules, secrets)}, which overlaps the {what}"
        give = f"give {key} another {claim.row.what}"
        if is_start:
            todo = f"stop {owner} or wait until it is inactive, or {give}"
            return HoldReason(Hold.CLAIM, f"{owner} is active and has the {what}", todo)
        return HoldReason(Hold.CLAIM, f"{owner} has the {what}", f"change or remove {owner}, or {give}")

    def _claims(self, what: str, key: Key, xml: str, tree: Node | None) -> Iterator[Claim]:
        """Yield the claims of a definition. The elements that claim resources are cached."""
        if tree is None:
            return
        known = self._cache.get(f"claimed {what}", key)
        if not isinstance(known, _Claimed) or known.xml != xml or known.kind is not self._kind:
            known = _Claimed(xml, self._kind, find_claiming(tree, self._kind.rules))
            self._cache.put(f"claimed {what}", key, known)
        for path, place, element in known.elements:
            yield from claims_of(element, self._kind.rules, self._lookup, path, place)
