"""Plan and execute actions on pools and volumes of a lab, without the executor."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kvmreconcile.host.connection import Connection
from kvmreconcile.kinds import pool, volume
from kvmreconcile.kinds.kind import Document, Kind, derived_uuid
from kvmreconcile.model import Action, Actual, Applied, Desired, Key, Observation, Plan, Reason, Source, World
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.plan import plan
from kvmreconcile.plan.compare.applied import applied_after, applied_before_creation
from kvmreconcile.plan.compare.digests import fingerprint
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.tree import Effect
from tests.first_seen import LONG

KINDS = {kind.name: kind for kind in (pool.KIND, volume.KIND)}
ANYTHING = Overrides(max_effect=Effect.DATA_LOSS)


def make_desired(kind: Kind, name: str, directory: Path = Path(), **fields: Any) -> Desired:
    """Return the desired object of a spec with these fields."""
    spec = kind.spec.model_validate(fields)
    document = Document(kind.name, name, spec, {}, Source(f"{name}.yaml", 1, 1), directory)
    return kind.desire(document, derived_uuid("lab", kind.key(document)))


def desired_pool(name: str = "default", **fields: Any) -> Desired:
    """Return the desired pool."""
    return make_desired(pool.KIND, name, **fields)


def desired_volume(name: str, directory: Path = Path(), **fields: Any) -> Desired:
    """Return the desired volume, in the pool "default" unless the fields name another."""
    return make_desired(volume.KIND, name, directory, **{"pool": "default", **fields})


@dataclass
class Host:
    """The desired and the applied state of a host's storage, with planning and execution."""

    connection: Connection
    wanted: dict[Key, Desired] = field(default_factory=dict)
    applied: dict[Key, Applied] = field(default_factory=dict)

    def want(self, *wanted: Desired) -> None:
        """Add desired objects, or replace those of the same key."""
        self.wanted |= {w.key: w for w in wanted}

    def observe(self) -> Observation:
        """Observe all pools and volumes."""
        seen = [kind.driver().observe(self.connection) for kind in KINDS.values()]
        objects = {key: each for one in seen for key, each in one.objects.items()}
        return Observation(objects, tuple(b for one in seen for b in one.unobservable))

    def actual(self, key: Key) -> Actual:
        """Return an object that exists."""
        found = self.observe().objects[key]
        assert isinstance(found, Actual)
        return found

    def plan(self, overrides: Overrides | None = None) -> Plan:
        """Return the plan."""
        world = World(
            "lab", "", datetime.now(UTC), self.wanted, self.observe(), self.applied, first_seen=LONG
        )
        return plan(world, KINDS, overrides)

    def converge(self, overrides: Overrides | None = None) -> list[str]:
        """Execute the plan, record the applied state, and return the actions as "key verb"."""
        todo = self.plan(overrides)
        for action in todo.actions:
            if action.verb.name in ("create", "recreate"):
                self.applied[action.key] = applied_before_creation(
                    self.wanted[action.key], "lab", KINDS[action.key.kind]
                )
            self.perform(action)
        self.remember(todo)
        return [f"{a.key} {a.verb.name}" for a in todo.actions]

    def perform(self, action: Action) -> None:
        """Execute one action."""
        KINDS[action.key.kind].driver().perform(self.connection, action)

    def act(self, key: Key, verb: str, **more: Any) -> None:
        """Execute one action without a plan."""
        self.perform(Action(key, verb_of(verb), Effect.LIVE, Reason.NEW, **more))

    def remember(self, done: Plan) -> None:
        """Record the applied state of the objects that were acted on, except those held."""
        keys = {a.key for a in done.actions}
        held = {fingerprint(c) for h in done.held for c in h.action.changes}
        for key, actual in self.observe().objects.items():
            if key in keys and isinstance(actual, Actual):
                after = applied_after(self.wanted[key], actual, KINDS[key.kind], "lab")
                left = tuple(s for s in after.settled if s.fingerprint not in held)
                self.applied[key] = replace(after, settled=left)

    def is_in_sync(self) -> bool:
        """Return whether nothing is planned, held or pending."""
        left = self.plan(ANYTHING)
        return left.is_empty and not left.pending and not left.problems
