"""
Compare the definitions of a plan in the form in which libvirt stores them.

Each definition is passed to libvirt's embedded driver, which returns it in libvirt's form and
stores nothing. A definition that the driver rejects is a problem. Definitions that are equal in
libvirt's form are not a change.
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
"""Returns a definition in libvirt's form. Raises Rejected if the definition is invalid."""


def exact(plan: Plan, world: World, rules: Mapping[str, Rules], judges: Mapping[str, Canonical]) -> Plan:
    """
    Return a plan without changes that libvirt ignores, with a problem for each rejected definition.

    Args:
        rules: The rules of each kind.
        judges: By root tag, the function that returns definitions in libvirt's form. Definitions
            with another root tag stay as planned.

    Returns:
        The plan. Its digest is unchanged, since approvals name the digest of the original plan.
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
    """
    The result of comparing the definitions of one step.

    Attributes:
        action: The step with the remaining changes, None if no change remains.
        problem: Why libvirt rejects the definition, None if libvirt accepts it.
    """

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
        todo = "correct the spec, unless only this machine causes the error"
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
