"""A guest that is started is waited for until it is ready, where its spec says how that shows."""

from typing import Any

import pytest

from kvmreconcile.model import Desired, Power, Ready
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, STOPPED, done, planned, remembered, seen, wish, world

AGENT = Ready(agent=True)
OLD, NEW = '<domain><cpu mode="a"/></domain>', '<domain><cpu mode="b"/></domain>'


def guest(name: str, **more: Any) -> Desired:
    return wish(f"Domain/{name}", NEW, **{"power": RUNNING, "ready": AGENT, **more})


def test_new_guest_is_waited_for_once_it_is_started() -> None:
    made = planned(world([guest("db")]))

    assert done(made) == ["create Domain/db", "start Domain/db", "ready Domain/db"]
    assert made.actions[-1].effect is Effect.LIVE
    assert made.actions[-1].policy.ready == AGENT


def test_restart_is_over_only_when_the_guest_is_ready_again() -> None:
    db = guest("db", max_effect=Effect.RESTART)
    made = planned(world([db], [seen(db, live=OLD)], [remembered(db)]))

    assert done(made) == ["restart Domain/db", "ready Domain/db"]
    assert made.actions[0].changes
    assert not made.actions[1].changes


@pytest.mark.parametrize("power", [Power.PAUSED, STOPPED, None])
def test_guest_that_is_not_to_run_is_not_waited_for(power: Power | None) -> None:
    assert "ready Domain/db" not in done(planned(world([guest("db", power=power)])))


def test_guest_that_runs_already_is_left_alone_whatever_would_show_that_it_is_ready() -> None:
    db = guest("db")

    assert planned(world([db], [seen(db, live=NEW)], [remembered(db)])).is_empty
