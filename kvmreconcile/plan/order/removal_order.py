"""
Order removals and the creation of replacements, so that a failed creation prevents the removal.

A removal waits for every creation with the same claims. The removal comes first only if both
objects cannot exist at the same time and no other object refers to the old one. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key, Manual, ManualCommands, World
from kvmreconcile.model.verbs import CREATE, START, START_PAUSED
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.order.identities import Claim, Claimants, claims
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.renames import Renames, find_absent
from kvmreconcile.plan.orphans import Orphans

_APPROVE = "approve this plan, which removes {former} first"
_RELEASES = {
    Hold.PRUNE: _APPROVE,
    Hold.MOVED: _APPROVE,
    Hold.BRAKE: _APPROVE,
    Hold.SETTLE: "wait until the removal of {former} is no longer held, or approve this plan",
}
"""
How to release a held removal.

For other holds, an administrator must remove the object by hand.
"""


@dataclass(frozen=True, slots=True)
class RemovalOrder:
    """The removals of a plan, and the objects that replace the removed objects."""

    renames: Renames
    gone: Orphans
    world: World
    kinds: Rulebooks

    @property
    def leaving(self) -> set[Key]:
        """The objects that are removed before their replacements are created."""
        return {former for former in self.renames.successors.values() if self.gone.removes(former)}

    def holds(self) -> Iterator[tuple[Key, HoldReason]]:
        """Yield the renamed objects whose creation the old object prevents, with the holds."""
        for key, former in self.renames.successors.items():
            users = sorted(self.gone.users.get(former, ()))
            if self.gone.removes(former) and not users:
                continue
            what = f"{former} seems to be renamed to {key}; libvirt cannot rename it, and both claim the "
            what += "same resource"
            what += f"; objects that refer to {former}: {', '.join(map(str, users))}" if users else ""
            todo = self._by_hand(former) if users else self._todo(former)
            back = f'set the name back to "{former.name}" in its spec'
            yield key, HoldReason(Hold.RENAME, what, f"{back}; or {todo}")

    def _todo(self, former: Key) -> str:
        """Return advice on how to remove an unused object, depending on the hold of its removal."""
        holds = (held.hold for held in self.gone.held if held.action.key == former)
        todo = next((_RELEASES[hold] for hold in holds if hold in _RELEASES), None)
        return todo.format(former=former) if todo else self._by_hand(former)

    def _by_hand(self, former: Key) -> str:
        commands = ManualCommands(self.world.commands, self.kinds[former.kind].commands)
        return commands.after(f"remove {former} first", Manual.REMOVE, former.name)

    def with_removals(self, actions: Sequence[Action]) -> tuple[Action, ...]:
        """
        Return all steps including the removals.

        An object is removed first if it cannot exist at the same time as its replacement. All other
        removals come last.
        """
        formers = self.leaving
        first = (removal for removal in self.gone.actions if removal.key in formers)
        last = (removal for removal in self.gone.actions if removal.key not in formers)
        return (*first, *(self._after_removal(action, formers) for action in actions), *last)

    def _after_removal(self, action: Action, formers: set[Key]) -> Action:
        former = self.renames.successors.get(action.key)
        if former is None or former not in formers:
            return action
        return replace(action, needs=(*action.needs, former))

    def with_order(self, actions: Sequence[Action]) -> "RemovalOrder":
        """
        Return the removals, each waiting for the creation of the objects that replace it.

        A removal is held if the plan does not create the replacement.

        Args:
            actions: The steps of the plan that run now.
        """
        if not self.gone.actions:
            return self
        begun, kept = {a.key for a in actions if a.verb in (CREATE, START, START_PAUSED)}, set[Key]()
        left, held = list[Action](), list[Held]()
        claimants = self._claimants({*find_absent(self.world), *begun})
        for removal in self.gone.actions:
            takers = dict(self._takers(removal, claimants))
            missing = next((key for key in sorted(takers) if key not in begun), None)
            missing = missing or self._missing_successor(removal.key, begun)
            user = next((key for key in removal.needs if key in kept), None)
            if missing:
                why = f"which claims its {takers[missing]}" if missing in takers else "which replaces it"
                detail = f"{missing}, {why}, is not created in this pass"
                held.append(Held(removal, Hold.SUCCESSOR, detail, f"wait until {missing} exists"))
            elif user:
                why, release = f"{user} refers to it", f"wait until {user} is removed"
                held.append(Held(removal, Hold.PROTECTED, why, release))
            else:
                needs = dict.fromkeys((*removal.needs, *sorted(takers)))
                left.append(replace(removal, needs=tuple(needs)))
                continue
            kept.add(removal.key)
        return replace(self, gone=self.gone.holding(left, held))

    def _missing_successor(self, former: Key, begun: set[Key]) -> Key | None:
        """Return the object that replaces one under another name and is not created now, None if there is none."""
        successors = (key for key, each in self.renames.successors.items() if each == former)
        return next((key for key in successors if key not in begun), None)

    def _claimants(self, keys: set[Key]) -> dict[str, Claimants]:
        """Return, by kind, the claims of the specs of the given objects."""
        found: dict[str, Claimants] = {}
        lookup = Lookups(self.world).lookup
        for key in keys:
            claimed = claims(self.world.desired[key].tree, self.kinds[key.kind].rules, lookup)
            found.setdefault(key.kind, Claimants()).add(key, claimed)
        return found

    def _takers(self, removal: Action, claimants: Mapping[str, Claimants]) -> Iterator[tuple[Key, Claim]]:
        """
        Yield the objects that replace a removed object, each with a shared claim.

        An existing object that shares only a claim on a resource of active objects does not count.
        """
        actual, known = self.world.observed.actual(removal.key), claimants.get(removal.key.kind)
        rules, lookup = self.kinds[removal.key.kind].rules, Lookups(self.world).lookup
        if actual is None or known is None:
            return
        for tree in (actual.tree, *filter(None, [actual.live])):
            for claim in claims(tree, rules, lookup):
                for key in known.of(claim):
                    is_new = key not in self.world.observed.objects
                    if (is_new or not claim.row.proves) and self.renames.successors.get(key) != removal.key:
                        yield key, claim
