"""Maintenance windows. The tests pass the time."""

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
    """Return a world in which the spec of a guest was edited."""
    was = wish("Domain/web", OLD)
    policy = {"power": RUNNING, "windows": (SUNDAY,), "max_effect": Effect.RESTART, **policy}
    web = wish("Domain/web", NEW, **policy)
    return replace(world([web], [seen(was, live=live)], [remembered(was)]), now=now)


def verbs(plan: Plan) -> tuple[list[str], list[str]]:
    """Return the planned verbs, and the verbs that wait for a window."""
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
def test_window_is_open_from_start_to_exclusive_end_in_its_time_zone(
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
def test_window_opens_once_in_a_night_with_a_clock_change(expression: str, now: str, start: str) -> None:
    assert Window(expression, 3600, "Europe/Berlin").next_start(at(now)) == at(start)


def test_window_has_its_full_duration_when_clocks_are_set_back() -> None:
    window = Window("30 2 * * *", 7200, "Europe/Berlin")
    start = at("2026-10-25 00:30")
    seconds = [0, 1800, 3600, 7199]

    assert all(window.is_open(start + timedelta(seconds=s)) for s in seconds)
    assert not window.is_open(start + timedelta(seconds=7200))
    assert not window.is_open(start + timedelta(seconds=9600))


def test_steps_are_held_until_the_window_opens() -> None:
    before, after = planned(edited(CLOSED)), planned(edited(OPEN))

    assert verbs(before) == ([], ["define", "set-memory", "restart"])
    assert verbs(after) == (["define", "set-memory", "restart"], [])
    assert before.pending == after.pending == {}
    assert after.next_release is None


def test_held_step_and_plan_contain_the_time_when_the_window_opens() -> None:
    made = planned(edited(CLOSED))

    assert made.held[0].hold.value == "waits for a maintenance window"
    assert made.held[0].detail == "opens Sun 2026-11-29 02:00 Europe/Berlin"
    assert made.next_release == at("2026-11-29 01:00")
    assert verbs(planned(edited(at("2026-11-29 01:00"))))[1] == []


def test_window_for_restarts_does_not_hold_changes_with_less_effect() -> None:
    policy: dict[str, Any] = {"max_effect": Effect.NEXT_BOOT, "outside": Effect.NEXT_BOOT}
    policy["windows"] = (replace(SUNDAY, max_effect=Effect.RESTART),)

    assert verbs(planned(edited(CLOSED, **policy))) == (["define", "set-memory"], ["restart"])
    assert verbs(planned(edited(OPEN, **policy))) == (["define", "set-memory", "restart"], [])


def test_live_change_outside_the_window_is_held_with_its_definition() -> None:
    made = planned(edited(CLOSED, outside=Effect.LIVE))

    assert verbs(made) == ([], ["define", "set-memory", "restart"])


def test_step_waits_for_the_earliest_window_that_allows_it() -> None:
    gentle = Window("0 20 * * *", 3600, "UTC", Effect.LIVE)
    made = planned(edited(CLOSED, windows=(gentle, SUNDAY, replace(SUNDAY, at="0 4 * * SUN"))))

    assert {h.detail for h in made.held} == {"opens Sun 2026-11-29 02:00 Europe/Berlin"}


def test_step_that_no_window_allows_is_held_because_of_its_effect() -> None:
    made = planned(edited(OPEN, power=None, max_effect=Effect.LIVE))

    assert held(made)[0] == ("define Domain/web", "EFFECT")


def test_approved_plan_and_effect_limit_of_the_caller_ignore_windows() -> None:
    shut = edited(CLOSED)
    approved = planned(shut, Overrides(approved=planned(shut).digest))

    assert verbs(approved) == (["define", "set-memory", "restart"], [])
    assert verbs(planned(shut, Overrides(max_effect=Effect.NEXT_BOOT))) == (["define", "set-memory"], [])


def test_stopped_object_is_changed_and_started_outside_its_window() -> None:
    assert verbs(planned(edited(CLOSED, live=None))) == (["define", "start"], [])


def test_stopped_object_whose_change_waits_for_a_window_is_started_unchanged() -> None:
    made = planned(edited(CLOSED, live=None, waits_when_off=True))

    assert verbs(made) == (["start"], ["define"])


def test_stop_required_by_the_spec_does_not_wait_for_a_window() -> None:
    assert verbs(planned(edited(CLOSED, power=STOPPED))) == (["stop"], ["define"])


def test_stopped_object_is_replaced_only_in_a_window_that_allows_it() -> None:
    was = wish("Domain/web")
    wide = replace(SUNDAY, max_effect=Effect.REPLACE)
    web = wish("Domain/web", "<domain><uuid>7</uuid></domain>", windows=(wide,), power=RUNNING)
    there = replace(world([web], [seen(was)], [remembered(was)]), now=CLOSED)

    assert verbs(planned(there)) == ([], ["replace", "start"])
    assert verbs(planned(replace(there, now=OPEN))) == (["replace", "start"], [])


def test_new_object_is_created_outside_windows() -> None:
    web = wish("Domain/web", power=RUNNING, windows=(SUNDAY,))

    assert done(planned(replace(world([web]), now=CLOSED))) == ["create Domain/web", "start Domain/web"]


def test_change_of_a_volume_waits_for_the_window() -> None:
    was = wish("Volume/p/v", '<volume pool="p"><capacity>1</capacity></volume>')
    grown = wish("Volume/p/v", '<volume pool="p"><capacity>2</capacity></volume>', windows=(SUNDAY,))
    there = world([grown], [seen(wish("StoragePool/p")), seen(was)], [remembered(was)])

    assert verbs(planned(replace(there, now=CLOSED))) == ([], ["resize"])
    assert verbs(planned(replace(there, now=OPEN))) == (["resize"], [])


def test_highest_effect_is_the_largest_effect_allowed_at_any_time() -> None:
    policy = wish("Domain/web", max_effect=Effect.LIVE, outside=Effect.RESTART).policy

    assert highest_effect(policy) is Effect.LIVE
    assert highest_effect(replace(policy, windows=(SUNDAY,))) is Effect.RESTART
    assert highest_effect(replace(policy, windows=(SUNDAY,), outside=None)) is Effect.LIVE
