"""The start order of guests: a guest starts after its prerequisites run and are ready."""

from typing import Any

import pytest

from kvmreconcile.model import Desired, Key, Power, Ready, StateReason, Suspension
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.order.starts import readiness_probes
from kvmreconcile.tree import Effect
from tests.plan.worlds import (
    NOW,
    RUNNING,
    STOPPED,
    done,
    held,
    needs,
    planned,
    remembered,
    seen,
    wish,
    world,
)

AGENT = Ready(agent=True)
OLD, NEW = '<domain><cpu mode="a"/></domain>', '<domain><cpu mode="b"/></domain>'


def guest(name: str, **more: Any) -> Desired:
    return wish(f"Domain/{name}", NEW, **{"power": RUNNING, "ready": AGENT, **more})


def test_new_guest_is_probed_for_readiness_after_its_start() -> None:
    made = planned(world([guest("db")]))

    assert done(made) == ["create Domain/db", "start Domain/db", "ready Domain/db"]
    assert made.actions[-1].effect is Effect.LIVE
    assert made.actions[-1].policy.lifecycle.ready == AGENT


def test_restart_is_followed_by_a_readiness_probe() -> None:
    db = guest("db", max_effect=Effect.RESTART)
    made = planned(world([db], [seen(db, live=OLD)], [remembered(db)]))

    assert done(made) == ["restart Domain/db", "ready Domain/db"]
    assert made.actions[0].changes
    assert not made.actions[1].changes


@pytest.mark.parametrize("power", [Power.PAUSED, STOPPED, None])
def test_guest_that_should_not_run_is_not_probed(power: Power | None) -> None:
    assert "ready Domain/db" not in done(planned(world([guest("db", power=power)])))


def test_running_guest_with_a_readiness_probe_has_no_steps() -> None:
    db = guest("db")

    assert planned(world([db], [seen(db, live=NEW)], [remembered(db)])).is_empty


def test_readiness_probes_are_listed_for_running_guests_only() -> None:
    shown = guest("db", ready=Ready(agent=True, delay_s=60))
    others = [guest("a", ready=None), guest("b", power=None), guest("c"), guest("d"), guest("e")]
    there = [
        *(seen(g, live=NEW) for g in (shown, *others[:2])),
        seen(others[2], live=NEW, state_reason=StateReason.PAUSED),
    ]

    probes = list(readiness_probes(world([shown, *others], [*there, seen(others[3])])))

    assert [(a.verb.name, a.key, a.policy.lifecycle.ready) for a in probes] == [("ready", shown.key, AGENT)]


def after(name: str, *first: str, **more: Any) -> Desired:
    return guest(name, **{"ready": None, "after": tuple(Key("Domain", f) for f in first), **more})


def test_guest_is_created_at_once_and_started_after_its_prerequisite_is_ready() -> None:
    made = planned(world([after("app", "db"), guest("db")]))

    assert done(made) == [
        "create Domain/db",
        "start Domain/db",
        "ready Domain/db",
        "create Domain/app",
        "start Domain/app",
    ]
    assert [[str(k) for k in a.after] for a in made.actions] == [[], [], [], [], ["Domain/db"]]
    assert needs(made)["Domain/app"] == []


def test_running_prerequisite_is_probed_without_delay_before_its_dependents() -> None:
    db = guest("db", ready=Ready(agent=True, delay_s=60))
    app, web = after("app", "db"), after("web", "db")
    made = planned(world([app, db, web], [seen(db, live=NEW)], [remembered(db)]))

    assert done(made) == [
        "create Domain/app",
        "ready Domain/db",
        "start Domain/app",
        "create Domain/web",
        "start Domain/web",
    ]
    assert made.actions[1].policy.lifecycle.ready == AGENT
    assert db.key in made.in_sync


def test_running_guest_in_sync_holds_no_starts() -> None:
    db, app = guest("db", ready=None), after("app", "db")

    assert done(planned(world([app, db], [seen(db, live=NEW)], [remembered(db)]))) == [
        "create Domain/app",
        "start Domain/app",
    ]


def test_restart_waits_for_the_restart_of_its_prerequisite() -> None:
    db = guest("db", max_effect=Effect.RESTART)
    app = after("app", "db", max_effect=Effect.RESTART)
    there = [seen(db, live=OLD), seen(app, live=OLD), *(seen(guest(n), live=NEW) for n in "xy")]
    wanted = [db, app, *(guest(n) for n in "xy")]
    made = planned(world(wanted, there, [remembered(d) for d in wanted]))

    assert done(made) == ["restart Domain/db", "ready Domain/db", "restart Domain/app"]
    assert made.actions[-1].after == (db.key,)


@pytest.mark.parametrize("power", [STOPPED, Power.PAUSED, None])
def test_guest_is_started_without_a_prerequisite_that_should_not_run(power: Power | None) -> None:
    db, app = guest("db", power=power), after("app", "db")

    made = planned(world([app, db], [seen(db)], [remembered(db)]))

    assert "start Domain/app" in done(made)
    assert made.actions[-1].after == ()


def test_start_does_not_wait_for_an_unmanaged_guest() -> None:
    assert "start Domain/app" in done(planned(world([after("app", "old")], [seen(guest("old"))])))


def test_stopped_prerequisite_holds_only_the_starts_of_its_dependents() -> None:
    db, app, web = guest("db"), after("app", "db"), after("web", "app")
    suspended = {db.key: Suspension(NOW)}
    made = planned(world([app, db, web], suspended=suspended))

    assert done(made) == ["create Domain/app", "create Domain/web"]
    assert held(made) == [
        ("create Domain/db", "SUSPENDED"),
        ("start Domain/db", "SUSPENDED"),
        ("start Domain/app", "ORDER"),
        ("start Domain/web", "ORDER"),
    ]
    assert [h.detail for h in made.held[2:]] == [
        "Domain/db is not known to run",
        "Domain/app is not known to run",
    ]
    assert made.held[2].release == "wait until Domain/db runs"


def test_steps_after_a_held_restart_are_held() -> None:
    db, app = guest("db"), after("app", "db", power=Power.PAUSED, max_effect=Effect.RESTART)
    there, known = [seen(db), seen(app, live=OLD)], [remembered(db), remembered(app)]
    made = planned(world([app, db], there, known, suspended={db.key: Suspension(NOW)}))

    assert done(made) == []
    assert held(made)[1:] == [("restart Domain/app", "ORDER"), ("suspend Domain/app", "ORDER")]


@pytest.mark.parametrize(
    ("state_reason", "last"), [(StateReason.PAUSED, "start"), (StateReason.IO_ERROR, "create")]
)
def test_dependents_wait_until_a_paused_prerequisite_is_resumed(state_reason: StateReason, last: str) -> None:
    db, app = guest("db", ready=None), after("app", "db")
    made = planned(world([app, db], [seen(db, live=NEW, state_reason=state_reason)], [remembered(db)]))

    assert done(made)[-1] == f"{last} Domain/app"


def test_unselected_stopped_prerequisite_holds_its_dependents() -> None:
    db, app = guest("db"), after("app", "db")
    made = planned(world([app, db], [seen(db)], [remembered(db)]), Overrides(only=frozenset({app.key})))

    assert done(made) == ["create Domain/app"]
    assert held(made) == [("start Domain/app", "ORDER")]


def test_start_after_a_missing_guest_is_a_problem() -> None:
    made = planned(world([after("app", "db")]))

    assert [str(p) for p in made.problems] == [
        "app.yaml:3:1: Domain/app refers to Domain/db, which no spec defines and which does not exist on the host; add a spec for it, or correct the name"
    ]
    assert made.is_empty


def test_circular_start_order_is_a_problem() -> None:
    made = planned(world([after("a", "b"), after("b", "c"), after("c", "a"), after("d", "d"), guest("e")]))

    assert [str(p) for p in made.problems] == [
        "a.yaml:3:1: dependency cycle: Domain/a → Domain/b → Domain/c → Domain/a; remove one of these references",
        "d.yaml:3:1: dependency cycle: Domain/d → Domain/d; remove one of these references",
    ]
    assert done(made) == ["create Domain/e", "start Domain/e", "ready Domain/e"]
