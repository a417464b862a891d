"""
What no spec asks for any more, and whether it may go.

Separate because this is the only place where things are taken away unasked, and every brake is here. To
be removed an object must be in our inventory and, where libvirt keeps metadata, carry our mark.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Action, Actual, Held, Hold, HoldReason, Key, Prune, Unknown, World
from kvmreconcile.plan.compare.objects import ONCE_IDLE, once_seen
from kvmreconcile.plan.compare.ownership import is_proved_ours
from kvmreconcile.plan.gates.limits import Limits, too_many_removals
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.plan.gates.suspended import stop
from kvmreconcile.plan.order.references import order, references
from kvmreconcile.plan.order.uses import Names, existing_users, wanted_users
from kvmreconcile.plan.removal import facts_of, removal
from kvmreconcile.plan.scene import Scene


@dataclass(slots=True)
class Orphans:
    """
    Removals to be done and held, and what is remembered though it no longer exists.

    Attributes:
        users: Who points to each object that no spec names, by a spec or on the host.
        elsewhere: What comes from sources that were not read, by their names.
    """

    actions: list[Action] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    vanished: list[Key] = field(default_factory=list)
    users: Mapping[Key, set[Key]] = field(default_factory=dict)
    elsewhere: dict[str, list[Key]] = field(default_factory=dict)

    def release(self) -> None:
        """Have done what waits for nothing but an approval."""
        free = [h for h in self.held if h.hold in (Hold.PRUNE, Hold.BRAKE)]
        self.held = [h for h in self.held if h not in free]
        self.actions += [h.action for h in free]

    def removes(self, key: Key) -> bool:
        """Tell whether an object is to be removed now."""
        return any(action.key == key for action in self.actions)

    def hold(self, held: Held) -> None:
        """Hold a removal that would be done."""
        self.actions.remove(held.action)
        self.held.append(held)

    def replace(self, old: Action, new: Action) -> None:
        """Do one removal in place of another."""
        self.actions[self.actions.index(old)] = new


def orphans(scene: Scene, limits: Limits, overrides: Overrides) -> Orphans:
    """Find what we made or adopted and no spec names, dependents before what they need."""
    result, world, kinds = Orphans(), scene.world, scene.kinds
    mine = {k: a for k, a in world.applied.items() if a.instance == world.instance and k.kind in kinds}
    gone = {k: a for k, a in mine.items() if _is_gone(k, world, overrides)}
    needs = {k: {n for n, _ in references(a.tree, kinds[k.kind].rules)} for k, a in gone.items()}
    users = result.users = _users(gone, scene) if gone else {}
    for key in reversed(order(needs)[0]):
        actual = world.observed.objects.get(key)
        if actual is None and world.observed.unobservable_part(key) is None:
            result.vanished.append(key)
            continue
        prune = world.prune.get(key.kind, kinds[key.kind].prune)
        if prune is Prune.NEVER:
            continue
        if isinstance(actual, Actual) and not is_proved_ours(actual, gone[key], kinds[key.kind]):
            result.vanished.append(key)
            continue
        if world.provenance.leaves_out(key):
            result.elsewhere.setdefault(str(world.provenance.source_of(key)), []).append(key)
            continue
        dependents = tuple(sorted(k for k in gone if key in needs[k]))
        facts = facts_of(key, users.get(key, set()), world)
        action, kept = removal(gone[key], facts, kinds[key.kind])
        action = replace(action, needs=dependents, notes=(*_origin(key, world), *action.notes))
        hold = _hold(action, actual, world) or (kept and replace(kept, action=action))
        hold = hold or _confirmation(action, _caution(key, prune, world), users.get(key, set()), result)
        if hold:
            result.held.append(hold)
        else:
            result.actions.append(action)
    why = too_many_removals(len(result.actions) + len(_delayed(result.held, users)), len(mine), limits)
    if why:
        release = 'approve this plan, or raise "limits.maxDelete" and "limits.maxDeleteShare"'
        result.held += [Held(a, Hold.BRAKE, why, release) for a in result.actions]
        result.actions = []
    return result


def _origin(key: Key, world: World) -> Iterator[str]:
    """Yield from which source an object comes, if that is not the one that was read."""
    if world.provenance.is_elsewhere(key):
        yield f"its source of specs was not read, or only in part: {world.provenance.source_of(key)}"


def _caution(key: Key, prune: Prune, world: World) -> Prune:
    """Return how the removal of an object is confirmed: where nobody took its spec out, only by an approval."""
    return Prune.CONFIRM if world.provenance.is_elsewhere(key) else prune


def _delayed(held: list[Held], users: dict[Key, set[Key]]) -> set[Key]:
    """Return what would go as well, were it not busy or hidden just now; it counts, or half would go before the rest."""
    delayed: set[Key] = set()
    for each in held:
        if each.hold in (Hold.BUSY, Hold.UNKNOWN) or users.get(each.action.key, set()) & delayed:
            delayed.add(each.action.key)
    return delayed


def _is_gone(key: Key, world: World, overrides: Overrides) -> bool:
    chosen = overrides.only is None or key in overrides.only
    return chosen and key not in world.desired and key not in world.frozen


def _hold(action: Action, actual: Actual | Unknown | None, world: World) -> Held | None:
    """Return what keeps an object from being removed whatever is approved, worst first, None if nothing does."""
    if stopped := stop(action.key, world):
        return stopped.on(action)
    if not isinstance(actual, Actual):
        hidden = world.observed.unobservable_part(action.key)
        unseen, todo = actual or hidden, once_seen(actual, hidden)
        return Held(action, Hold.UNKNOWN, unseen.why if unseen else "it cannot be observed now", todo)
    if unread := _unread(action.key, world):
        return unread.on(action)
    if action.policy.protect:
        return Held(action, Hold.PROTECTED, 'its last spec sets "protect: true"', "remove it by hand")
    if actual.job:
        return Held(action, Hold.BUSY, actual.job, ONCE_IDLE)
    return None


def _unread(key: Key, world: World) -> HoldReason | None:
    """Return why an object may have a spec all the same, None if it certainly has none."""
    if obstacle := world.unread.get(key):
        return HoldReason(Hold.UNREAD, obstacle.why, obstacle.todo)
    if world.complete and world.desired and not world.frozen:
        return None
    # A frozen one may be this object's, under another name.
    return _incomplete(world)


def _incomplete(world: World) -> HoldReason:
    """Return why too little is known to remove anything, and what to do."""
    if not (world.desired or world.frozen):
        todo = "check the path of the specs and any errors in them; the last managed objects are removed by hand only"
        return HoldReason(Hold.INCOMPLETE, "no spec was found or could be read", todo)
    why = "a spec or the state record of an object has errors or cannot be read"
    return HoldReason(Hold.INCOMPLETE, why, "correct what is reported; until then nothing is removed")


def _confirmation(action: Action, prune: Prune, users: set[Key], result: Orphans) -> Held | None:
    """Return what keeps an object from being removed unasked; one that is in use stays, or goes with its users."""
    unconfirmed = {h.action.key for h in result.held if h.hold is Hold.PRUNE}
    staying = sorted(users - unconfirmed - {a.key for a in result.actions})
    if staying:
        todo = "it can be removed when nothing refers to it"
        return Held(action, Hold.PROTECTED, f"{staying[0]} refers to it", todo)
    if prune is Prune.CONFIRM or users & unconfirmed:
        return Held(action, Hold.PRUNE, "", "approve this plan")
    return None


def _users(gone: Collection[Key], scene: Scene) -> dict[Key, set[Key]]:
    """Return who points to each object, by a spec or on the host; to what is gone also by a name of its data."""
    world, kinds = scene.world, scene.kinds
    names = Names(world, kinds, scene.cache)
    names.add(gone)
    by_name = (names.users_in_specs(), names.users_on_host())
    result: dict[Key, set[Key]] = {}
    for users in (wanted_users(world, kinds), existing_users(world, kinds), *by_name):
        for target, using in users.items():
            result.setdefault(target, set()).update(using)
    return result
