"""Suspended objects are compared, and their steps are held until the suspension ends."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from kvmreconcile.model import Key, Suspension, World
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.gates.suspended import describe_suspension
from tests.plan.worlds import NOW, RUNNING, done, held, planned, remembered, seen, wish, world

WEB, DB = wish("Domain/web", power=RUNNING), wish("Domain/db", power=RUNNING)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def paused(key: Key | None, until: datetime | None = None, **more: Any) -> dict[Key | None, Suspension]:
    return {key: Suspension(NOW - HOUR, until, **more)}


def two_off(suspended: dict[Key | None, Suspension]) -> World:
    """Return a world with two guests that should run and are off."""
    wanted = [WEB, DB]
    return world(wanted, map(seen, wanted), map(remembered, wanted), suspended=suspended)


def test_all_steps_on_a_suspended_object_are_held_and_others_are_not() -> None:
    made = planned(two_off(paused(WEB.key, why="moving disks", who="alice")))

    assert done(made) == ["start Domain/db"]
    assert held(made) == [("start Domain/web", "SUSPENDED")]
    assert made.held[0].detail == "since 2026-11-23 02:00 UTC by alice: moving disks"
    assert made.held[0].release == "kvmreconcile resume Domain/web"
    assert made.next_release is None


def test_suspension_of_all_holds_every_step() -> None:
    made = planned(two_off(paused(None)))

    assert (done(made), {h for _, h in held(made)}) == ([], {"SUSPENDED"})
    assert made.held[0].release == "kvmreconcile resume --all"
    assert made.held[0].detail == "since 2026-11-23 02:00 UTC"


def test_suspension_ends_at_its_time_and_the_plan_contains_that_time() -> None:
    before = planned(two_off(paused(WEB.key, NOW + HOUR)))
    after = planned(two_off(paused(WEB.key, NOW)))

    assert before.next_release == NOW + HOUR
    assert before.held[0].detail == "since 2026-11-23 02:00 UTC until 2026-11-23 04:00 UTC"
    assert (len(done(after)), after.held) == (2, ())


@pytest.mark.parametrize(
    ("everything", "one", "until"),
    [(HOUR, DAY, DAY), (DAY, HOUR, DAY), (None, HOUR, None), (HOUR, None, None), (-HOUR, HOUR, HOUR)],
)
def test_longest_suspension_of_an_object_applies(
    everything: timedelta | None, one: timedelta | None, until: timedelta | None
) -> None:
    def at(delta: timedelta | None) -> datetime | None:
        return None if delta is None else NOW + delta

    both = paused(None, at(everything)) | paused(WEB.key, at(one))
    held_web = next(h for h in planned(two_off(both)).held if h.action.key == WEB.key)

    assert held_web.until == at(until)


def test_approval_does_not_release_a_suspended_object() -> None:
    first = planned(two_off(paused(None)))

    assert done(planned(two_off(paused(None)), Overrides(approved=first.digest))) == []


def test_dependent_of_a_missing_suspended_object_waits() -> None:
    web, lan = wish("Domain/web", '<domain><nic mac="1" network="lan"/></domain>'), wish("Network/lan")
    made = planned(world([web, lan], suspended=paused(lan.key)))

    assert held(made) == [("create Network/lan", "SUSPENDED"), ("create Domain/web", "BROKEN")]
    assert "is not created: it is suspended (since" in made.held[1].detail


def test_suspended_object_is_not_removed() -> None:
    here = world([WEB], map(seen, (WEB, DB)), map(remembered, (WEB, DB)), suspended=paused(DB.key))
    first = planned(here)

    assert ("remove Domain/db", "SUSPENDED") in held(first)
    assert "remove Domain/db" not in done(planned(here, Overrides(approved=first.digest)))


@pytest.mark.parametrize(
    ("suspended", "said"),
    [
        ({}, ""),
        (paused(DB.key), ""),
        (paused(WEB.key, who="alice"), "Domain/web is suspended since 2026-11-23 02:00 UTC by alice"),
        (paused(None), "everything is suspended since 2026-11-23 02:00 UTC"),
    ],
)
def test_description_names_the_suspension_and_its_end(
    suspended: dict[Key | None, Suspension], said: str
) -> None:
    assert describe_suspension(WEB.key, two_off(suspended)) == said
