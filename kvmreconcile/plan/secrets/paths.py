"""Find the paths of an object's secret values, from its spec and from earlier specs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kvmreconcile.model import Action, Actual, Applied, Desired, Held, Key, Plan, World
from kvmreconcile.plan.secrets.redact import redacted, secrets
from kvmreconcile.tree import Node, Rules, paths
from kvmreconcile.tree.variants import for_secrets_alone


def with_former_secrets(
    desired: Mapping[Key, Desired], applied: Mapping[Key, Applied]
) -> Mapping[Key, Desired]:
    """Return the desired objects with the secret paths of earlier specs added."""
    known = {key: applied[key].secrets for key in desired if key in applied and applied[key].secrets}
    if not known:
        return desired
    changed = {
        key: replace(desired[key], policy=replace(desired[key].policy, former_secrets=former))
        for key, former in known.items()
    }
    return {**desired, **changed}


def still_secret(desired: Desired, actual: Actual, rules: Rules) -> tuple[str, ...]:
    """
    Return the paths of an object's secret values, to be recorded after its spec was applied.

    A path that only an earlier spec marks as secret stays secret while the stored or running
    definition has a value there that differs from the value in the spec.

    Args:
        rules: The rules of the kind.
    """
    own = desired.policy.secrets
    trees = [tree for tree in (actual.tree, actual.live) if tree]
    left = (path for path in desired.policy.former_secrets if path not in own)
    return (
        *own,
        *(path for path in left if _holds_other(for_secrets_alone(rules, (path,)), trees, desired.tree)),
    )


def _holds_other(rules: Rules, trees: list[Node], said: Node) -> bool:
    plain = set(secrets(said, rules))
    return any(set(secrets(tree, rules)) - plain for tree in trees)


def secret_paths(key: Key, world: World) -> tuple[str, ...]:
    """Return the paths of an object's secret values, from its spec and its last applied spec."""
    desired, applied = world.desired.get(key), world.applied.get(key)
    paths = (*(desired.policy.all_secrets if desired else ()), *(applied.secrets if applied else ()))
    return tuple(dict.fromkeys(paths))


def definitions(key: Key, world: World) -> Iterator[Node]:
    """Yield the desired, the stored and the running definition of an object, if they are known."""
    desired, actual = world.desired.get(key), world.observed.actual(key)
    trees = (desired and desired.tree, actual and actual.tree, actual and actual.live)
    yield from (tree for tree in trees if tree)


def without_secrets(plan: Plan, world: World) -> Plan:
    """
    Return a plan whose messages contain no value that a spec marks as secret.

    Changes keep their values, which are masked when the plan is rendered. Values that are secret in
    all objects of a kind are never part of a message.
    """
    if not any(secret_paths(name, world) for action in _actions(plan) for name in action.names):
        return plan
    actions = tuple(_noted(action, world) for action in plan.actions)
    return replace(plan, actions=actions, held=tuple(_held(each, world) for each in plan.held))


def _actions(plan: Plan) -> Iterator[Action]:
    yield from plan.actions
    yield from (held.action for held in plan.held)


def _noted(action: Action, world: World) -> Action:
    return replace(action, notes=tuple(_clean(note, action, world) for note in action.notes))


def _held(held: Held, world: World) -> Held:
    detail, release = (_clean(text, held.action, world) for text in (held.detail, held.release))
    return replace(held, action=_noted(held.action, world), detail=detail, release=release)


def _clean(text: str, action: Action, world: World) -> str:
    rules = Rules(
        secrets=paths(*(p for path in secret_paths(action.key, world) for p in (path, f"{path}/**")))
    )
    return redacted(text, definitions(action.key, world), rules)
