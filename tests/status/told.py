"""
What a daemon of three objects tells, as values made in a line.

Separate from the tests, as all that follows the daemon is shown by such news.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from kvmreconcile.events.attempts import Fate, Wait
from kvmreconcile.events.events import PassPlanned
from kvmreconcile.model import Action, Desired, Key, Observation, Plan, Reason, Source, World
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.source.load import Loaded
from kvmreconcile.tree import Effect, Node

WEB, DB, LAN = Key("Domain", "web"), Key("Domain", "db"), Key("Network", "lan")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOW = NOON + timedelta(hours=14)


def action(key: Key, verb: str = "define", *, needs: tuple[Key, ...] = ()) -> Action:
    return Action(key, verb_of(verb), Effect.NEXT_BOOT, Reason.EDIT, needs=needs)


def wait(fate: Fate = Fate.PASSING, due_s: float = 1030.0) -> Wait:
    return Wait(("abc", ()), 3, fate, due_s, done=3)


def planned(plan: Plan, **said: Any) -> PassPlanned:
    """Return what a pass tells that made this plan of three objects, and does all of it unless told otherwise."""
    desired = {
        key: Desired(key, Node("x"), source=Source(f"{key.name}.yaml", 1, 1)) for key in (WEB, DB, LAN)
    }
    around = {name: said.pop(name) for name in ("suspended", "observed", "frozen") if name in said}
    for key in around.get("frozen", ()):
        del desired[key]
    world = World("default", "kvm1", NOON, desired, around.pop("observed", Observation()), {}, **around)
    usual: dict[str, Any] = {
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
    return PassPlanned(**{**usual, **said}, world=world, plan=plan)
