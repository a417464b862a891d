"""
Rename objects in the observed world, and add the steps that rename them in libvirt.

The step that renames an object comes before all other steps on the object. The module `renames`
finds the objects to rename. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kvmreconcile.model import Action, Actual, Key, OwnershipMark, Reason, Surroundings, World
from kvmreconcile.model.verbs import RENAME
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.compare.findings import Findings
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.order.renames import Renames
from kvmreconcile.plan.secrets.paths import with_former_secrets
from kvmreconcile.tree import Change, Effect, make, parse, to_xml


def rename_in_world(world: World, formers: Mapping[Key, Key]) -> World:
    """
    Return a world in which objects already have their new names.

    Args:
        formers: The old key by the new key.
    """
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
    """Return an object as it will be after it was renamed to `key`."""
    live = _named(actual.live_xml, key) if actual.live_xml else None
    mark = OwnershipMark(instance, str(key), actual.uuid)
    return replace(actual, key=key, xml=_named(actual.xml, key), live_xml=live, ownership_mark=mark)


def _named(xml: str, key: Key) -> str:
    tree = parse(xml)
    name = make("name", text=key.name.rpartition("/")[2])
    return to_xml(replace(tree, children=tuple(name if c.tag == "name" else c for c in tree.children)))


def with_renames(found: Findings, keys: Iterable[Key], renames: Renames, context: PlanContext) -> Findings:
    """
    Return findings in which the rename of an object precedes its other steps.

    While a rename is held, the other steps on its object are left out.

    Args:
        context: The context of the plan, with a world in which objects already have their new
            names.
    """
    for key in keys:
        if step := _rename(key, renames, context):
            found = (found.without(key) if key in renames.blocked else found).with_first(step)
    return found


def _rename(key: Key, renames: Renames, context: PlanContext) -> Action | None:
    """Return the step that gives an object the name in its spec, or None if it has this name."""
    world, kind = context.world, context.kinds[key.kind]
    desired, actual, former = world.desired[key], world.observed.actual(key), renames.formers.get(key)
    if actual is None or former is None:
        return None
    around = Surroundings(
        actual.uuid,
        OwnershipMark(world.instance, str(key), actual.uuid),
        desired.creation.plain,
        Lookups(world).lookup,
    )
    return Action(
        key,
        RENAME,
        Effect.LIVE,
        Reason.DRIFT if key in renames.drifted else Reason.EDIT,
        (Change(("name",), "name", former.name, key.name),),
        tree=kind.complete(actual.tree, around),
        policy=desired.policy,
        former=former,
    )
