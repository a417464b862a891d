"""
Compare the definitions of a plan as libvirt itself stores them.

Each definition is passed to libvirt's embedded driver, which stores nothing: what it rejects is a problem, and
definitions that become equal by this are not a change.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from kvmreconcile.errors import Problem, Rejected
from kvmreconcile.model import Action, Key, Plan, World
from kvmreconcile.plan.secrets.paths import definitions, secret_paths
from kvmreconcile.plan.secrets.redact import redacted
from kvmreconcile.tree import Change, Rules, diff, parse, to_xml
from kvmreconcile.tree.variants import for_secrets

Canonical = Callable[[str], str]
"""Returns a definition as libvirt stores it. Raises Rejected if it is invalid."""


def exact(plan: Plan, world: World, rules: Mapping[str, Rules], judges: Mapping[str, Canonical]) -> Plan:
    """
    Return a plan without the changes that libvirt ignores, and with a problem for each definition that libvirt rejects.

    Args:
        rules: By kind.
        judges: By the root tag of the definitions that each compares; other definitions stay as planned.

    Returns:
        The plan with the same digest, as an approval must name that.
    """
    judged = [_judge(action, world, rules, judges) for action in plan.actions]
    held = [(h, _judge(h.action, world, rules, judges)) for h in plan.held]
    actions = tuple(j.action for j in judged if j.action)
    still = tuple(replace(h, action=j.action) for h, j in held if j.action)
    problems = tuple(j.problem for j in (*judged, *(j for _, j in held)) if j.problem)
    left = {a.key for a in (*actions, *(h.action for h in still))}
    gone = dict.fromkeys(k for k in _keys(plan) if k not in left)
    return replace(
        plan,
        actions=actions,
        held=still,
        in_sync=(*plan.in_sync, *gone),
        problems=tuple(dict.fromkeys((*plan.problems, *problems))),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """An action after the comparison, None if nothing of it is left; and why libvirt rejects the definition."""

    action: Action | None
    problem: Problem | None = None


def _keys(plan: Plan) -> Iterator[Key]:
    yield from (a.key for a in plan.actions)
    yield from (h.action.key for h in plan.held)


def _judge(
    action: Action, world: World, rules: Mapping[str, Rules], judges: Mapping[str, Canonical]
) -> _Judged:
    judge = judges.get(action.tree.tag) if action.tree and not action.steps else None
    if action.tree is None or judge is None:
        return _Judged(action)
    own = for_secrets(rules[action.key.kind], secret_paths(action.key, world))
    try:
        proposed = judge(to_xml(action.tree))
    except Rejected as error:
        desired = world.desired.get(action.key)
        where = str(desired.source) if desired else str(action.key)
        why = redacted(str(error), (action.tree, *definitions(action.key, world)), own)
        what = f"{action.key}: libvirt on this machine rejects the definition: {why}"
        todo = "correct the spec, unless only this machine is the cause"
        return _Judged(action, Problem(where, what, todo))
    actual = world.observed.actual(action.key)
    if actual is None:
        return _Judged(action)
    changes = _changes(judge(actual.xml), proposed, own)
    if action.changes and not changes:
        return _Judged(None)
    return _Judged(replace(action, changes=changes) if action.changes else action)


def _changes(old: str, new: str, rules: Rules) -> tuple[Change, ...]:
    before, after = parse(old), parse(new)
    return () if before == after else tuple(diff(before, after, rules))
