"""Limits of the host: if steps exceed a limit, all of them are held until the plan is approved."""

from dataclasses import replace
from typing import Any

import pytest

from kvmreconcile.model import Actual, Creation, Desired, Power, World
from kvmreconcile.plan import Limit, Limits, Overrides
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

OTHER = "11111111-1111-4111-8111-11111111111"
FREE = Limits(restart=Limit(1.0, 100), replace=Limit(1.0, 100))


def running(desired: Desired, xml: str = "<domain/>") -> Actual:
    return seen(desired, live=xml)


def to_stop(count: int, of: int, power: Power = STOPPED, **more: Any) -> World:
    """Return a world with running guests, some of which should have another power state."""
    wanted = [wish(f"Domain/d{n}", power=power if n < count else RUNNING, **more) for n in range(of)]
    return world(wanted, [running(d) for d in wanted], [remembered(d) for d in wanted])


def to_restart(count: int, of: int) -> World:
    """Return a world in which some guests have pending changes, and may be restarted."""
    wanted = [
        wish(f"Domain/d{n}", "<domain><cpu>2</cpu></domain>", max_effect=Effect.RESTART) for n in range(of)
    ]
    live = "<domain><cpu>{}</cpu></domain>"
    there = [running(d, live.format(1 if n < count else 2)) for n, d in enumerate(wanted)]
    return world(wanted, there, [remembered(d) for d in wanted])


def to_replace(count: int, of: int, *, live: str | None = None) -> World:
    """Return a world in which some guests need a replacement that their specs allow."""
    was = [
        wish(f"Domain/d{n}", power=RUNNING if live else None, max_effect=Effect.REPLACE) for n in range(of)
    ]
    xml = f"<domain><uuid>{OTHER}{{}}</uuid></domain>"
    wanted = [
        wish(str(d.key), xml.format(n), power=d.power, max_effect=Effect.REPLACE) if n < count else d
        for n, d in enumerate(was)
    ]
    return world(wanted, [seen(d, live=live) for d in was], [remembered(d) for d in was])


@pytest.mark.parametrize(
    ("limit", "of", "allowed"),
    [
        (Limit(0.3, 10), 1, 1),
        (Limit(0.3, 10), 2, 1),
        (Limit(0.3, 10), 10, 3),
        (Limit(0.3, 10), 100, 10),
        (Limit(1.0, 0), 10, 0),
    ],
)
def test_limit_is_the_share_up_to_the_number_and_at_least_one(limit: Limit, of: int, allowed: int) -> None:
    assert limit.allows(of) == allowed


def test_no_guest_is_stopped_if_a_commit_would_stop_most_guests() -> None:
    made = planned(to_stop(3, 4))

    assert held(made) == [(f"stop Domain/d{n}", "BRAKE") for n in range(3)]
    assert done(made) == []
    assert made.held[0].detail == (
        "3 of 4 Domain objects that run would be paused, stopped or restarted; the limit for one pass is 2"
    )
    assert (
        made.held[0].release == 'approve this plan, or raise "limits.maxRestart" and "limits.maxRestartShare"'
    )


def test_guests_are_stopped_up_to_the_limit() -> None:
    assert done(planned(to_stop(2, 4))) == ["stop Domain/d0", "stop Domain/d1"]
    assert done(planned(to_stop(1, 1))) == ["stop Domain/d0"]


def test_pausing_a_guest_counts_toward_the_limit() -> None:
    assert {h for _, h in held(planned(to_stop(3, 4, Power.PAUSED)))} == {"BRAKE"}


def test_limit_by_number_holds_steps_that_the_share_allows() -> None:
    made = planned(to_stop(4, 20), limits=replace(FREE, restart=Limit(1.0, 3)))

    assert len(made.held) == 4


def test_restarts_over_the_limit_are_held_and_other_steps_are_planned() -> None:
    here = to_restart(3, 4)
    changed = replace(here.desired[min(here.desired)], autostart=True)
    made = planned(replace(here, desired={**here.desired, changed.key: changed}))

    assert done(made) == ["autostart Domain/d0"]
    assert held(made) == [(f"restart Domain/d{n}", "BRAKE") for n in range(3)]
    assert set(made.pending) == {a.action.key for a in made.held}


def test_stops_and_restarts_are_counted_together() -> None:
    one, other = to_restart(2, 2), to_stop(1, 2)
    renamed = {replace(k, name=f"x{k.name}"): k for k in other.desired}
    stopped = {n: replace(other.desired[k], key=n, creation=Creation(f"{n}")) for n, k in renamed.items()}
    there = {n: running(d) for n, d in stopped.items()}
    both = replace(
        one,
        desired={**one.desired, **stopped},
        observed=replace(one.observed, objects={**one.observed.objects, **there}),
        applied={**one.applied, **{n: remembered(d) for n, d in stopped.items()}},
    )

    assert len(planned(both).held) == 3


def test_limits_are_counted_for_each_kind() -> None:
    guests = to_stop(1, 1)
    lan = wish("Network/lan", power=STOPPED)
    both = replace(
        guests,
        desired={**guests.desired, lan.key: lan},
        observed=replace(
            guests.observed, objects={**guests.observed.objects, lan.key: running(lan, "<network/>")}
        ),
        applied={**guests.applied, lan.key: remembered(lan)},
    )

    assert done(planned(both)) == ["stop Domain/d0", "stop Network/lan"]


def test_replacements_over_the_limit_are_held_with_later_steps_on_the_object() -> None:
    here = to_replace(2, 4, live="<domain/>")
    made = planned(here, limits=replace(FREE, replace=Limit(0.3, 5)))

    assert held(made) == [(f"{verb} Domain/d{n}", "BRAKE") for n in range(2) for verb in ("replace", "start")]
    assert (
        made.held[0].detail
        == "2 of 4 Domain objects would be replaced or lose data; the limit for one pass is 1"
    )


def test_replacement_counts_as_a_restart_only_for_running_objects() -> None:
    limits = replace(FREE, restart=Limit(0.1, 1))

    assert {h for _, h in held(planned(to_replace(2, 4, live="<domain/>"), limits=limits))} == {"BRAKE"}
    assert done(planned(to_replace(2, 4), limits=limits)) == ["replace Domain/d0", "replace Domain/d1"]


def test_steps_held_for_another_reason_do_not_count_toward_the_limit() -> None:
    grouped = to_restart(3, 4)
    members = {
        k: replace(d, power=RUNNING, policy=replace(d.policy, group="web"))
        for k, d in grouped.desired.items()
    }
    made = planned(replace(grouped, desired=members))

    assert done(made) == ["restart Domain/d0"]
    assert {h for _, h in held(made)} == {"GROUP"}


@pytest.mark.parametrize("here", [to_stop(3, 4), to_restart(3, 4), to_replace(3, 4)])
def test_approved_plan_exceeds_the_limit(here: World) -> None:
    first = planned(here)
    second = planned(here, Overrides(approved=first.digest))

    assert (len(first.held), len(first.actions)) == (3, 0)
    assert (len(second.held), len(second.actions)) == (0, 3)


def test_first_objects_of_an_empty_host_are_not_limited() -> None:
    made = planned(world([wish(f"Domain/d{n}", power=RUNNING) for n in range(30)]))

    assert (len(made.actions), made.held) == (60, ())


def volumes_of_which_are_left(left: int, of: int) -> World:
    """Return a world in which only some volumes are left, and all their specs allow data loss."""
    wanted = [wish(f"Volume/p/v{n}", max_effect=Effect.DATA_LOSS) for n in range(of)]
    return world(wanted, [seen(d) for d in wanted[:left]], [remembered(d) for d in wanted])


def test_missing_volumes_over_the_limit_are_held_even_if_specs_allow_data_loss() -> None:
    made = planned(volumes_of_which_are_left(2, of=5))

    assert done(made) == []
    assert {h for _, h in held(made)} == {"BRAKE"}
    assert made.held[0].detail == (
        "3 of 5 Volume objects would be created again, as they are missing; the limit for one pass is 1"
    )
    approved = planned(volumes_of_which_are_left(2, of=5), Overrides(approved=made.digest))
    assert done(approved) == ["create Volume/p/v2", "create Volume/p/v3", "create Volume/p/v4"]


def test_single_missing_volume_and_new_volumes_are_created() -> None:
    new = [wish(f"Volume/p/new{n}") for n in range(3)]
    here = volumes_of_which_are_left(4, of=5)
    here = replace(here, desired={**here.desired, **{d.key: d for d in new}})

    assert len(done(planned(here))) == 4
