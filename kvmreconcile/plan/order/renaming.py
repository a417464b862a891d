"""
Rename objects in what is known of a host, and put the step that does so in libvirt in front of all else.

Which objects are renamed, and which of them not now, is found by `renames`. Pure.
"""

from collections.abc import Mapping
from dataclasses import replace

from kvmreconcile.model import Action, Actual, Key, Reason, Stamp, Surroundings, World
from kvmreconcile.model.verbs import RENAME
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.compare.objects import Findings
from kvmreconcile.plan.order.renames import Renames
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.paths import with_former_secrets
from kvmreconcile.tree import Change, Effect, make, parse, to_xml


def renamed(world: World, formers: Mapping[Key, Key]) -> World:
    """Return a world in which objects already have the names that they are to be given."""
    objects, applied, probations = dict(world.observed.objects), dict(world.applied), dict(world.probations)
    edits = dict(world.edits)
    for key, former in formers.items():
        seen = world.observed.actual(former) or world.observed.actual(key)
        objects.pop(former, None)
        objects |= {key: _under(key, seen, world.instance)} if seen else {}
        known = applied.pop(former, None)
        if known:
            applied[key] = replace(known, key=key)
        probations.pop(former, None)
        edits.pop(former, None)
    if not formers:
        return world
    observed = replace(world.observed, objects=objects)
    desired = with_former_secrets(world.desired, {key: applied[key] for key in formers if key in applied})
    return replace(
        world, desired=desired, observed=observed, applied=applied, probations=probations, edits=edits
    )


def _under(key: Key, actual: Actual, instance: str) -> Actual:
    """Return an object as it is once it has been renamed."""
    live = _named(actual.live_xml, key) if actual.live_xml else None
    mark = Stamp(instance, str(key), actual.uuid)
    return replace(actual, key=key, xml=_named(actual.xml, key), live_xml=live, stamp=mark)


def _named(xml: str, key: Key) -> str:
    tree = parse(xml)
    name = make("name", text=key.name.rpartition("/")[2])
    return to_xml(replace(tree, children=tuple(name if c.tag == "name" else c for c in tree.children)))


def rename_first(key: Key, renames: Renames, world: World, kind: Rulebook, found: Findings) -> None:
    """
    Have an object renamed before all else is done to it; while that is held, it is all that is shown of it.

    Args:
        world: The one in which it has its new name already.
    """
    desired, actual, former = world.desired[key], world.observed.actual(key), renames.formers.get(key)
    if actual is None or former is None:
        return
    around = Surroundings(
        actual.uuid,
        Stamp(world.instance, str(key), actual.uuid),
        desired.creation.plain,
        Lookups(world).lookup,
    )
    step = Action(
        key,
        RENAME,
        Effect.LIVE,
        Reason.DRIFT if key in renames.drifted else Reason.EDIT,
        (Change(("name",), "name", former.name, key.name),),
        tree=kind.complete(actual.tree, around),
        policy=desired.policy,
        former=former,
    )
    if key in renames.blocked:
        found.clear(key)
    found.in_sync = [other for other in found.in_sync if other != key]
    # What is remembered is brought up to date after the rename, which comes first.
    found.records = [other for other in found.records if other != key]
    found.steps[key] = (step, *found.steps.get(key, ()))
