"""
Reconcile a network without the daemon: spec, plan, actions and applied state.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from yamlcore import CCoreLoader  # type: ignore[import-untyped] # it carries no annotations

from kvmreconcile.host.connection import Connection
from kvmreconcile.kinds.kind import Document, derived_uuid
from kvmreconcile.kinds.network import KIND
from kvmreconcile.model import Action, Actual, Applied, Desired, Key, Observation, Plan, Source, World
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.compare.settled import find_settled_live, run_of
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.plan.planner import plan
from tests.first_seen import LONG

INSTANCE = "bench"


def fields_from(text: str) -> Any:
    """Return the fields of a spec, read as YAML 1.2."""
    return yaml.load(text, CCoreLoader) or {}


def desired_from(text: str, name: str = "lab") -> Desired:
    """Return the desired network of a spec's text."""
    return desired_by(fields_from(text), name)


def desired_by(fields: Any, name: str = "lab") -> Desired:
    """Return the desired network of a spec's fields."""
    spec = KIND.spec.model_validate(fields)
    document = Document("Network", name, spec, {}, Source("networks.yaml", 1, 1), Path())
    return KIND.desire(document, derived_uuid(INSTANCE, Key("Network", name)))


def plan_for(
    desired: Desired, actual: Actual | None, applied: Applied | None = None, **overrides: object
) -> Plan:
    """Return the plan for one network."""
    world = World(
        instance=INSTANCE,
        host="here",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        desired={desired.key: desired},
        observed=Observation({actual.key: actual} if actual else {}),
        applied={desired.key: applied} if applied else {},
        first_seen=LONG,
    )
    return plan(world, {"Network": KIND}, Overrides(**overrides))  # type: ignore[arg-type]


class Bench:
    """The networks of a hypervisor, and their applied specs."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.driver = KIND.driver()
        self.applied: dict[Key, Applied] = {}

    def actual(self, key: Key) -> Actual | None:
        """Return the actual network, None if it does not exist."""
        found = self.driver.observe(self.connection, [key.name]).objects.get(key)
        assert found is None or isinstance(found, Actual)
        return found

    def plan(self, desired: Desired, **overrides: object) -> Plan:
        """Return the plan."""
        return plan_for(desired, self.actual(desired.key), self.applied.get(desired.key), **overrides)

    def apply(self, desired: Desired, **overrides: object) -> tuple[Action, ...]:
        """Execute the plan and return its actions."""
        seen, before = self.actual(desired.key), self.applied.get(desired.key)
        made = self.plan(desired, **overrides)
        assert not made.problems
        for action in made.actions:
            self.driver.perform(self.connection, action)
        after = self.actual(desired.key)
        assert after is not None
        started = {a.key for a in made.actions if a.verb.boots}
        applied = applied_after(desired, after, KIND, INSTANCE)
        running = find_settled_live(desired, after, run_of(seen, after, started), before, KIND)
        self.applied[desired.key] = replace(applied, settled=(*applied.settled, *running))
        return made.actions


def verbs(actions: tuple[Action, ...]) -> list[str]:
    """Return the verbs of actions."""
    return [a.verb.name for a in actions]
