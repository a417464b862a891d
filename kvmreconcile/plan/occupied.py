"""
Hold the start of an object while another active object, managed or not, has what it claims.

Unlike a clash between specs, this needs no edit: the start is released once the other object is off. Pure.
"""

from collections.abc import Collection, Sequence

from kvmreconcile.model import Action, Actual, Held, Hold, Key, World
from kvmreconcile.plan.groups import onward
from kvmreconcile.plan.identities import Claim, Claimants, claims
from kvmreconcile.plan.invalid import definition
from kvmreconcile.plan.memory import Lookups
from kvmreconcile.plan.needs import Scene
from kvmreconcile.plan.rulebook import Rulebook

_STARTS = frozenset({"start", "start-paused", "restart"})
"""Verbs after which an object is active with what its stored definition claims."""


def without_occupied(
    actions: Sequence[Action], scene: Scene, leaving: Collection[Key]
) -> tuple[list[Action], list[Held]]:
    """Split actions into those that may be done now, and starts that wait until the object with their claim is off."""
    starting = [a for a in actions if a.verb in _STARTS]
    owners = {
        kind: _active(scene.kinds[kind], scene.world, leaving) for kind in {a.key.kind for a in starting}
    }
    held: list[Held] = []
    stopped: set[int] = set()
    for action in starting:
        steps = tuple(a for a in actions if a.key == action.key)
        owner = _owner(action.key, steps, owners[action.key.kind], scene)
        if owner and id(action) not in stopped:
            key, claim = owner
            waits = onward(action, actions)
            stopped |= {id(a) for a in waits}
            why, release = f"{key} is active and has the {claim}", f"wait until {key} is off"
            held += [Held(a, Hold.CLAIM, why, release) for a in waits]
    return [a for a in actions if id(a) not in stopped], held


def _active(kind: Rulebook, world: World, leaving: Collection[Key]) -> Claimants:
    """Return the active objects of a kind, by what they claim."""
    owners = Claimants()
    for key, seen in world.observed.objects.items():
        if key.kind == kind.name and isinstance(seen, Actual) and seen.active and key not in leaving:
            owners.add(key, claims(seen.live or seen.tree, kind.rules, Lookups(world).lookup))
    return owners


def _owner(key: Key, steps: tuple[Action, ...], owners: Claimants, scene: Scene) -> tuple[Key, Claim] | None:
    """Return another active object that has a claim of an object to be started, None if there is none."""
    actual = scene.world.observed.actual(key)
    whole = definition(steps) or (actual.tree if actual else scene.world.desired[key].tree)
    for claim in claims(whole, scene.kinds[key.kind].rules, Lookups(scene.world).lookup):
        having = owners.of(claim)
        # If both are active with the same claim, libvirt accepts it, and a restart of one changes nothing.
        if having and key not in having:
            return min(having), claim
    return None
