"""
Hold steps that remove something until the specs have been unchanged for some time.

A truncated file cannot be distinguished from a file whose end was deleted on purpose. So something
is removed only if two reads of the specs, some time apart, returned the same content. Pure: the
world contains the time since which the specs are unchanged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from kvmreconcile.model import Action, Actual, Held, Hold, Key, Power, Reason, World
from kvmreconcile.plan.compare.findings import Findings
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.gate import Limits
from kvmreconcile.plan.gates.rollout import edit_steps_from
from kvmreconcile.plan.orphans import Orphans
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Change, Effect, Node, Rules
from kvmreconcile.tree.paths import under

_ASKED = frozenset({Reason.EDIT, Reason.ADOPT})
"""The reasons of steps that must wait. Corrections of drift and rollbacks do not wait."""
_RELEASE = "wait, or approve this plan"


def with_lost_parts(found: Findings, context: PlanContext) -> Findings:
    """Return findings in which steps that remove parts of an object are marked."""
    marked = {key: _with_lost_parts(key, steps, context) for key, steps in found.steps.items()}
    return replace(found, steps=marked)


def _with_lost_parts(key: Key, steps: tuple[Action, ...], context: PlanContext) -> tuple[Action, ...]:
    world, kind = context.world, context.kinds[key.kind]
    desired, actual = world.desired[key], world.observed.actual(key)
    if actual is None or not (actual.active or desired.power in (Power.RUNNING, Power.PAUSED)):
        return steps
    return tuple(_marked(step, actual, world, kind) for step in steps)


def _marked(action: Action, actual: Actual, world: World, kind: Rulebook) -> Action:
    lost = [each for change in action.changes for each in parts(change, kind.rules)]
    if not lost:
        return action
    lines = (kind.describe(part, rule, world.observed) for rule, part in lost) if actual.active else ()
    return replace(action, takes=True, notes=(*action.notes, *filter(None, lines)))


def parts(change: Change, rules: Rules) -> Iterator[tuple[str, Node]]:
    """Yield the path in the rules and the element of each part that a change removes."""
    if isinstance(change.old, Node) and change.new is None and change.steps:
        yield from _parts(change.old, change.rule, rules)


def _parts(node: Node, rule: str, rules: Rules) -> Iterator[tuple[str, Node]]:
    if rule in rules.parts:
        yield rule, node
        return
    for child in node.children:
        yield from _parts(child, under(rule, child.tag), rules)


def hold_unsettled(
    actions: Sequence[Action], context: PlanContext, limits: Limits
) -> tuple[list[Action], list[Held]]:
    """Hold edits that would remove something too soon."""
    world, need_s, held = context.world, limits.settle_s, list[Held]()
    for key in _losing(actions, world):
        age_s = world.first_seen.age_s(key)
        if age_s < need_s:
            # All steps of the edit are held, since the definition to be stored already lacks the
            # part that a later step removes from the running object. A rollback does not wait.
            first = next(action for action in actions if action.key == key and action.reason in _ASKED)
            steps = edit_steps_from(first, actions)
            what = "the spec is known to have been unchanged"
            held += [_held(action, what, age_s, need_s, world) for action in steps]
    waiting = {id(each.action) for each in held}
    return [action for action in actions if id(action) not in waiting], held


def _losing(actions: Sequence[Action], world: World) -> tuple[Key, ...]:
    """Return the objects from which an edit removes a part, or which an edit replaces."""
    if world.first_seen.delivered:
        return ()
    takers = (a for a in actions if a.reason in _ASKED and (a.takes or a.effect >= Effect.REPLACE))
    return tuple(dict.fromkeys(action.key for action in takers))


def settle_removals(gone: Orphans, world: World, need_s: float) -> Orphans:
    """
    Return the removals, with removals held if the spec disappeared too recently.

    The removal of an object is held as well if the removal of one of its dependents is held.

    Args:
        need_s: Seconds for which the spec must have been missing.
    """
    ages: dict[Key, tuple[float, Key]] = {}
    kept, held = list[Action](), list[Held]()
    for action in gone.actions:  # Dependents of an object precede the object.
        age_s, youngest = min(_ages(action, world, ages), key=lambda each: each[0])
        ages[action.key] = age_s, youngest
        if age_s < need_s:
            what = "its spec" if youngest == action.key else f"the spec of {youngest}"
            held.append(_held(action, f"{what} is known to have been missing", age_s, need_s, world))
        else:
            kept.append(action)
    return gone.holding(kept, held)


def _ages(
    action: Action, world: World, known: Mapping[Key, tuple[float, Key]]
) -> Iterator[tuple[float, Key]]:
    """Yield the time in seconds without a spec, and the key, of an object and of its dependents."""
    for key in (action.key, *action.needs):
        yield known.get(key, (world.first_seen.age_s(key), key))


def _held(action: Action, what: str, age_s: float, need_s: float, world: World) -> Held:
    detail = f"{what} for {int(age_s)} s; a removal or replacement needs {need_s:.12g} s"
    return Held(action, Hold.SETTLE, detail, _RELEASE, world.now + timedelta(seconds=need_s - age_s))
