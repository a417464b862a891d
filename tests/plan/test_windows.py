"""Maintenance windows, with the time passed by the tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kvmreconcile.model import Plan, Window, World
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.gates.windows import highest_effect
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

SUNDAY = Window("0 2 * * SUN", 7200, "Europe/Berlin")
OLD = '<domain><memory>1</memory><cpu mode="a"/></domain>'
NEW = '<domain><memory>2</memory><cpu mode="b"/></domain>'


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CLOSED, OPEN = at("2026-11-28 12:00"), at("2026-11-29 01:30")


def edited(now: datetime, live: str | None = OLD, **policy: Any) -> World:
    """Return a world in which the spec of a guest says something else than before."""
    was = wish("Domain/web", OLD)
    policy = {"power": RUNNING, "windows": (SUNDAY,), "max_effect": Effect.RESTART, **policy}
    web = wish("Domain/web", NEW, **policy)
    return replace(world([web], [seen(was, live=live)], [remembered(was)]), now=now)


def verbs(plan: Plan) -> tuple[list[str], list[str]]:
    """Return the verbs that are done, and those that wait for a window."""
    assert {h.hold.name for h in plan.held} <= {"WINDOW"}
    return [a.verb.name for a in plan.actions], [h.action.verb.name for h in plan.held]


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-29 00:59:59", False),
        ("2026-11-29 01:00:00", True),
        ("2026-11-29 02:59:59.9", True),
        ("2026-11-29 03:00:00", False),
        ("2026-07-05 00:00:00", True),
        ("2026-07-04 23:59:59", False),
    ],
)
def test_window_is_open_from_its_first_moment_to_before_its_last_by_its_own_zone(
    moment: str,
    is_open: bool,  # noqa: FBT001
) -> None:
    assert SUNDAY.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("expression", "now", "start"),
    [
        # Clocks go from 02:00 to 03:00: what would open between opens at 03:00.
        ("30 2 * * *", "2026-03-28 20:00", "2026-03-29 01:00"),
        # They go from 03:00 back to 02:00: what opens between opens once.
        ("30 2 * * *", "2026-10-24 20:00", "2026-10-25 00:30"),
        ("30 2 * * *", "2026-10-25 00:30", "2026-10-26 01:30"),
        ("30 2 * * *", "2026-10-25 01:10", "2026-10-26 01:30"),
    ],
)
def test_window_opens_once_in_a_night_in_which_clocks_change(expression: str, now: str, start: str) -> None:
    assert Window(expression, 3600, "Europe/Berlin").next_start(at(now)) == at(start)


def test_window_is_open_as_long_in_a_night_in_which_clocks_go_back() -> None:
    window = Window("30 2 * * *", 7200, "Europe/Berlin")
    start = at("2026-10-25 00:30")
    seconds = [0, 1800, 3600, 7199]

    assert all(window.is_open(start + timedelta(seconds=s)) for s in seconds)
    assert not window.is_open(start + timedelta(seconds=7200))
    assert not window.is_open(start + timedelta(seconds=9600))


def test_nothing_happens_before_the_window_opens_and_everything_after() -> None:
    before, after = planned(edited(CLOSED)), planned(edited(OPEN))

    assert verbs(before) == ([], ["define", "set-memory", "restart"])
    assert verbs(after) == (["define", "set-memory", "restart"], [])
    assert before.pending == after.pending == {}
    assert after.next_release is None


def test_held_step_shows_when_its_window_opens_and_the_plan_when_to_plan_again() -> None:
    made = planned(edited(CLOSED))

    assert made.held[0].hold.value == "waits for a maintenance window"
    assert made.held[0].detail == "opens Sun 2026-11-29 02:00 Europe/Berlin"
    assert made.next_release == at("2026-11-29 01:00")
    assert verbs(planned(edited(at("2026-11-29 01:00"))))[1] == []


def test_window_for_restarts_leaves_gentler_changes_their_own_time() -> None:
    policy: dict[str, Any] = {"max_effect": Effect.NEXT_BOOT, "outside": Effect.NEXT_BOOT}
    policy["windows"] = (replace(SUNDAY, max_effect=Effect.RESTART),)

    assert verbs(planned(edited(CLOSED, **policy))) == (["define", "set-memory"], ["restart"])
    assert verbs(planned(edited(OPEN, **policy))) == (["define", "set-memory", "restart"], [])


def test_live_changes_outside_the_window_wait_for_what_is_stored_first() -> None:
    made = planned(edited(CLOSED, outside=Effect.LIVE))

    assert verbs(made) == ([], ["define", "set-memory", "restart"])


def test_first_of_several_windows_that_allows_a_step_opens_for_it() -> None:
    gentle = Window("0 20 * * *", 3600, "UTC", Effect.LIVE)
    made = planned(edited(CLOSED, windows=(gentle, SUNDAY, replace(SUNDAY, at="0 4 * * SUN"))))

    assert {h.detail for h in made.held} == {"opens Sun 2026-11-29 02:00 Europe/Berlin"}


def test_effect_that_no_window_allows_is_held_for_the_effect() -> None:
    made = planned(edited(OPEN, power=None, max_effect=Effect.LIVE))

    assert held(made)[0] == ("define Domain/web", "EFFECT")


def test_approval_and_a_limit_by_the_caller_do_not_wait_for_a_window() -> None:
    shut = edited(CLOSED)
    approved = planned(shut, Overrides(approved=planned(shut).digest))

    assert verbs(approved) == (["define", "set-memory", "restart"], [])
    assert verbs(planned(shut, Overrides(max_effect=Effect.NEXT_BOOT))) == (["define", "set-memory"], [])


def test_stopped_object_is_changed_outside_its_window_and_started() -> None:
    assert verbs(planned(edited(CLOSED, live=None))) == (["define", "start"], [])


def test_stopped_object_that_waits_for_its_window_is_started_unchanged() -> None:
    made = planned(edited(CLOSED, live=None, waits_when_off=True))

    assert verbs(made) == (["start"], ["define"])


def test_stop_that_the_spec_orders_waits_for_no_window() -> None:
    assert verbs(planned(edited(CLOSED, power=STOPPED))) == (["stop"], ["define"])


def test_stopped_object_is_replaced_only_in_a_window_that_allows_it() -> None:
    was = wish("Domain/web")
    wide = replace(SUNDAY, max_effect=Effect.REPLACE)
    web = wish("Domain/web", "<domain><uuid>7</uuid></domain>", windows=(wide,), power=RUNNING)
    there = replace(world([web], [seen(was)], [remembered(was)]), now=CLOSED)

    assert verbs(planned(there)) == ([], ["replace", "start"])
    assert verbs(planned(replace(there, now=OPEN))) == (["replace", "start"], [])


def test_new_object_is_made_at_any_time() -> None:
    web = wish("Domain/web", power=RUNNING, windows=(SUNDAY,))

    assert done(planned(replace(world([web]), now=CLOSED))) == ["create Domain/web", "start Domain/web"]


def test_volume_is_never_off_and_waits() -> None:
    was = wish("Volume/p/v", '<volume pool="p"><capacity>1</capacity></volume>')
    grown = wish("Volume/p/v", '<volume pool="p"><capacity>2</capacity></volume>', windows=(SUNDAY,))
    there = world([grown], [seen(wish("StoragePool/p")), seen(was)], [remembered(was)])

    assert verbs(planned(replace(there, now=CLOSED))) == ([], ["resize"])
    assert verbs(planned(replace(there, now=OPEN))) == (["resize"], [])


def test_ceiling_is_the_most_that_is_ever_allowed() -> None:
    policy = wish("Domain/web", max_effect=Effect.LIVE, outside=Effect.RESTART).policy

    assert highest_effect(policy) is Effect.LIVE
    assert highest_effect(replace(policy, windows=(SUNDAY,))) is Effect.RESTART
    assert highest_effect(replace(policy, windows=(SUNDAY,), outside=None)) is Effect.LIVE
