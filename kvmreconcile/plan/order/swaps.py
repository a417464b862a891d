"""
Hold steps that would replace a disk that has data with a new, empty disk.

If a spec changes a disk to a volume that does not exist yet, the guest loses its data at the next
start. Usually the volume was only renamed in the specs. So the creation of the volume counts as
data loss, and is held until it is approved. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Actual, Apply, Desired, Hold, HoldReason, Key, Policy, Unknown, World
from kvmreconcile.model.verbs import CREATE
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.compare.findings import Findings, Steps
from kvmreconcile.plan.compare.in_force import proposal
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.windows import highest_effect
from kvmreconcile.plan.order.identities import Claim, claims, claims_of
from kvmreconcile.plan.order.needs import Needs, Rulebooks
from kvmreconcile.plan.order.references import references
from kvmreconcile.tree import Effect, Node, Rules
from kvmreconcile.tree.match import pair
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import labels


@dataclass(frozen=True, slots=True)
class Swap:
    """
    The replacement of a disk's data with a new volume.

    Attributes:
        user: The object with the disk.
        part: The disk, as named in messages, such as "disk root".
        left: The present volume or path, which has the data.
        now: The new volume.
        renames: Whether no spec defines `left` any more, so that `now` is probably its new name.
        is_kept: Whether the disk uses the data now, so that the data can be copied; False for a new
            disk.
    """

    user: Key
    part: str
    left: str
    now: Key
    renames: bool
    is_kept: bool = False

    def __str__(self) -> str:
        if self.renames:
            would = f"the {self.part} of {self.user} would be empty, without its present data"
            return f"{self.left} seems to be renamed to {self.now}; {would}"
        return f"the {self.part} of {self.user} would change from {self.left}, which has its data, to {self.now}, which is empty"


@dataclass(frozen=True, slots=True)
class Swaps:
    """
    Finds the disks that would lose their data.

    Attributes:
        new: By object that would be created, the step that creates it.
    """

    world: World
    kinds: Rulebooks
    new: Mapping[Key, Action]

    def all(self, needs: Needs) -> Iterator[Swap]:
        """Yield all swaps, including those of objects that are not selected for the plan."""
        for user, targets in needs.direct.items() if self.new else ():
            desired, seen = self.world.desired[user], self.world.observed.objects.get(user)
            is_left = desired.policy.apply in (Apply.OBSERVE, Apply.CREATE_ONLY)
            if self.new.keys() & targets and not is_left:
                yield from self._of(desired, seen)

    def _of(self, desired: Desired, seen: Actual | Unknown | None) -> Iterator[Swap]:
        """Yield the swaps of one object. If it cannot be observed, its last spec is used."""
        kind, known = self.kinds[desired.key.kind], self.world.applied.get(desired.key)
        if isinstance(seen, Actual):
            was, will = seen.tree, proposal(desired, seen, known, kind)
        elif known and self._may_exist(desired.key):
            was, will = known.tree, desired.tree
        else:
            return
        lookup = Lookups(self.world).lookup
        kept = [claim for claim in claims(will, kind.rules, lookup) if claim.row.data]
        lost = [
            c for c in claims(was, kind.rules, lookup) if c.row.data and not any(c.meets(k) for k in kept)
        ]
        for path, have, want in _elements(was, will, kind.rules):
            mine = claims_of(want, kind.rules, lookup, path)
            for claim in (c for c in mine if c.row.data and c.names in self.new):
                before = tuple(claims_of(have, kind.rules, lookup, path)) if have else ()
                gone = (c for c in lost if self._gone(c, claim))
                if left := next((c for c in (*before, *gone) if c in lost), None):
                    part = next(labels(want, kind.rules.members.get(path)), "")
                    found = self._swap(desired.key, f"{claim.row.what} {part}".strip(), left, claim)
                    yield from (replace(swap, is_kept=left in before) for swap in found)

    def _swap(self, user: Key, part: str, left: Claim, claim: Claim) -> Iterator[Swap]:
        if claim.names is None or (left.names and not self._may_exist(left.names)):
            return
        step = self.new[claim.names]
        inside = {key for key, _ in references(step.definition, self.kinds[step.key.kind].rules)}
        gone = self._gone(left, claim)
        is_empty = step.content is None and all(key.kind != step.key.kind for key in inside)
        if is_empty or (gone and gone not in inside):
            yield Swap(user, part, str(gone or left.names or left.value), step.key, renames=gone is not None)

    def _gone(self, left: Claim, claim: Claim) -> Key | None:
        """Return our object that has the data and no longer has a spec, or None."""
        world = self.world
        kind, where = claim.row.names or ("", "")
        named = [left.names] if left.names else [k for k in world.applied if k.kind == kind]
        gone = (k for k in named if k in world.applied and k not in world.desired and k not in world.frozen)
        return next((k for k in gone if left.names or self._place(k, where) == left.value), None)

    def _place(self, key: Key, where: str) -> str | None:
        actual = self.world.observed.actual(key)
        return actual.tree.get(where) if actual else None

    def _may_exist(self, key: Key) -> bool:
        observed = self.world.observed
        return key in observed.objects or observed.unobservable_part(key) is not None


def _elements(
    have: Node | None, want: Node, rules: Rules, path: str = ""
) -> Iterator[tuple[str, Node | None, Node]]:
    """Yield path, actual element (None if new) and desired element, for each desired element."""
    yield path, have, want
    before = have.children if have else ()
    pairs = pair(before, want.children, path, rules, lambda _have, _want: False)
    for index, child in enumerate(want.children):
        other = before[pairs[index]] if index in pairs else None
        yield from _elements(other, child, rules, under(path, child.tag))


def find_swaps(context: PlanContext, found: Findings) -> tuple[Swap, ...]:
    """Find the disks that would lose their data by the steps on all objects."""
    first = {key: steps[0] for key in found.new if (steps := found.steps.get(key))}
    new = {key: step for key, step in first.items() if step.verb == CREATE}
    return tuple(Swaps(context.world, context.kinds, new).all(context.needs))


def with_swap_costs(steps: Steps, swaps: Iterable[Swap]) -> Steps:
    """Return the steps with the effect data loss for steps that cause a swap."""
    marked = dict(steps)
    for swap in swaps:
        if swap.user in marked:
            marked[swap.user] = tuple(_costly(a, swap) if a.verb.edits else a for a in marked[swap.user])
    return marked


def _costly(action: Action, swap: Swap) -> Action:
    return replace(action, effect=Effect.DATA_LOSS, notes=(*action.notes, str(swap)))


def swap_holds(swaps: tuple[Swap, ...], world: World, *, approved: bool) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the new volumes that would replace data, each with its hold."""
    for swap in swaps:
        policy = world.desired[swap.user].policy
        ways = "; or ".join(_ways(swap, policy))
        if policy.protect:
            todo = f'{ways}; or, to leave the data behind, take "protect: true" out of the spec of '
            todo += f"{swap.user}, and approve the new plan if it is held"
            yield swap.now, HoldReason(Hold.PROTECTED, str(swap), todo)
        elif highest_effect(policy) < Effect.DATA_LOSS and not approved:
            why = f"{swap}; effect {Effect.DATA_LOSS}, allowed up to {highest_effect(policy)} for {swap.user}"
            todo = f"{ways}; or approve this plan to leave the data behind"
            yield swap.now, HoldReason(Hold.EFFECT, why, todo)


def _ways(swap: Swap, policy: Policy) -> Iterator[str]:
    """Yield advice on how to keep the data."""
    todo = f"create {swap.now} as a copy of {swap.left}"
    if swap.renames:
        todo = f"rename or move the image of {swap.left} to {swap.now}, and refresh the pool of {swap.now}"
    yield f"while {swap.user} is off, {todo}"
    if swap.is_kept and not policy.live.copies:
        yield f'set "update.copyDisks: true" in the spec of {swap.user}'
