"""Build events of a daemon with three objects, for the tests of all subscribers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from kvmreconcile.events.attempts import AttemptResult, PlannedWork, Wait
from kvmreconcile.events.events import PassPlanned
from kvmreconcile.model import Action, Desired, Key, Observation, Plan, Reason, Source, World
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.tree import Effect, Node

WEB, DB, LAN = Key("Domain", "web"), Key("Domain", "db"), Key("Network", "lan")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOW = NOON + timedelta(hours=14)


def action(key: Key, verb: str = "define", *, needs: tuple[Key, ...] = ()) -> Action:
    return Action(key, verb_of(verb), Effect.NEXT_BOOT, Reason.EDIT, needs=needs)


def wait(attempt_result: AttemptResult = AttemptResult.PASSING, due_s: float = 1030.0) -> Wait:
    return Wait(PlannedWork("abc"), 3, attempt_result, due_s, successes=3)


def pass_planned(plan: Plan, **fields: Any) -> PassPlanned:
    """Return the event of a pass over three objects with this plan, all of which is allowed by default."""
    desired = {
        key: Desired(key, Node("x"), source=Source(f"{key.name}.yaml", 1, 1)) for key in (WEB, DB, LAN)
    }
    world_fields = {name: fields.pop(name) for name in ("suspended", "observed", "frozen") if name in fields}
    for key in world_fields.get("frozen", ()):
        del desired[key]
    world = World(
        "default", "kvm1", NOON, desired, world_fields.pop("observed", Observation()), {}, **world_fields
    )
    defaults: dict[str, Any] = {
        "at": NOON,
        "pass_id": "p1",
        "triggered_by": ("specs",),
        "commit": "",
        "specs": Loaded((), desired, (), frozenset(), complete=True),
        "allowed": plan,
        "waits": {},
        "busy": frozenset(),
        "took_s": 0.1,
    }
    return PassPlanned(**{**defaults, **fields}, world=world, plan=plan)
