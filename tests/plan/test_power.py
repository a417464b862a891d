"""Power states of guests: the steps for each, and states that are only reported."""

from dataclasses import replace
from typing import Any

import pytest

from kvmreconcile.model import Key, Plan, Power, StateReason
from kvmreconcile.tree import Effect
from tests.plan.worlds import done, held, planned, remembered, seen, wish, world

RUNNING, STOPPED, PAUSED = Power.RUNNING, Power.STOPPED, Power.PAUSED


def power_plan(
    power: Power | None, live: str | None, state_reason: StateReason | None = None, memory: int = 1
) -> Plan:
    """Return the plan for a guest that is off, runs or is paused."""
    web = wish("Domain/web", f"<domain><memory>{memory}</memory></domain>", power=power)
    there = seen(web, "<domain><memory>1</memory></domain>", live=live, state_reason=state_reason)
    return planned(world([web], [there], [remembered(web)]))


LIVE = "<domain><memory>1</memory></domain>"


@pytest.mark.parametrize(
    ("power", "live", "state_reason", "verbs"),
    [
        (RUNNING, None, None, ["start"]),
        (RUNNING, LIVE, None, []),
        (RUNNING, LIVE, StateReason.PAUSED, ["resume"]),
        (PAUSED, None, None, ["start-paused"]),
        (PAUSED, LIVE, None, ["suspend"]),
        (PAUSED, LIVE, StateReason.PAUSED, []),
        (PAUSED, LIVE, StateReason.IO_ERROR, []),
        (STOPPED, None, None, []),
        (STOPPED, LIVE, None, ["stop"]),
        (STOPPED, LIVE, StateReason.PAUSED, ["stop"]),
        (None, None, None, []),
        (None, LIVE, None, []),
        (None, LIVE, StateReason.PAUSED, []),
        (None, LIVE, StateReason.IO_ERROR, []),
    ],
)
def test_guest_is_brought_to_the_power_state_of_its_spec(
    power: Power | None, live: str | None, state_reason: StateReason | None, verbs: list[str]
) -> None:
    plan = power_plan(power, live, state_reason)

    assert done(plan) == [f"{verb} Domain/web" for verb in verbs]
    assert held(plan) == []


FAULTS = [h for h in StateReason if h not in (StateReason.PAUSED, StateReason.STOPPED)]


@pytest.mark.parametrize("state_reason", FAULTS)
def test_guest_paused_by_a_fault_is_reported_and_not_resumed(state_reason: StateReason) -> None:
    plan = power_plan(RUNNING, LIVE, state_reason)

    assert done(plan) == []
    assert held(plan) == [("resume Domain/web", "FAULT")]
    assert plan.held[0].detail == state_reason.value
    assert plan.held[0].release
    assert plan.in_sync == ()


def test_definition_of_a_guest_paused_by_a_fault_is_still_edited() -> None:
    plan = power_plan(RUNNING, LIVE, StateReason.IO_ERROR, memory=2)

    assert done(plan) == ["define Domain/web", "set-memory Domain/web"]
    assert held(plan) == [("resume Domain/web", "FAULT")]


def edited(power: Power | None, state_reason: StateReason, **more: Any) -> Plan:
    """Return the plan for a paused guest with a pending edit."""
    live = "<domain><cpu>1</cpu></domain>"
    web = wish("Domain/web", "<domain><cpu>2</cpu></domain>", power=power, **more)
    return planned(world([web], [seen(web, live, live=live, state_reason=state_reason)], [remembered(web)]))


@pytest.mark.parametrize("state_reason", FAULTS)
def test_guest_paused_by_a_fault_is_not_restarted_for_an_edit(state_reason: StateReason) -> None:
    plan = edited(RUNNING, state_reason, max_effect=Effect.RESTART)

    assert done(plan) == ["define Domain/web"]
    assert held(plan) == [("resume Domain/web", "FAULT"), ("restart Domain/web", "FAULT")]


@pytest.mark.parametrize("power", [PAUSED, None])
@pytest.mark.parametrize("state_reason", [StateReason.PAUSED, *FAULTS])
def test_guest_with_state_paused_is_not_restarted_for_an_edit(
    state_reason: StateReason, power: Power | None
) -> None:
    plan = edited(power, state_reason, max_effect=Effect.RESTART)

    assert done(plan) == ["define Domain/web"]
    assert held(plan) == []
    assert [change.path for change in plan.pending[Key.read("Domain/web")]] == ["cpu"]


def test_paused_guest_with_state_running_is_restarted_for_an_edit() -> None:
    plan = edited(RUNNING, StateReason.PAUSED, max_effect=Effect.RESTART)

    assert done(plan) == ["define Domain/web", "resume Domain/web", "restart Domain/web"]


def test_virsh_command_for_a_guest_with_a_numeric_name_uses_its_uuid() -> None:
    """virsh interprets a number as the ID of a domain."""
    guest = wish("Domain/7", LIVE, power=RUNNING)

    plan = planned(
        world([guest], [seen(guest, live=LIVE, state_reason=StateReason.PANIC)], [remembered(guest)])
    )

    assert plan.held[0].release.endswith(f"virsh destroy {guest.creation.uuid}")


def test_live_changes_are_made_after_resume_and_before_suspend() -> None:
    assert done(power_plan(RUNNING, LIVE, StateReason.PAUSED, memory=2)) == [
        "define Domain/web",
        "resume Domain/web",
        "set-memory Domain/web",
    ]
    assert done(power_plan(PAUSED, LIVE, memory=2)) == [
        "define Domain/web",
        "set-memory Domain/web",
        "suspend Domain/web",
    ]


def test_new_guest_with_state_paused_never_runs() -> None:
    web = wish("Domain/web", power=PAUSED)

    assert done(planned(world([web]))) == ["create Domain/web", "start-paused Domain/web"]


def test_resuming_a_guest_has_effect_live() -> None:
    web = wish("Domain/web", LIVE, power=RUNNING)
    there = seen(web, live=LIVE, state_reason=StateReason.PAUSED)

    (action,) = planned(world([web], [there], [remembered(web)])).actions

    assert action.effect is Effect.LIVE


def off(was: dict[str, Any], state_reason: StateReason | None = StateReason.STOPPED, **more: Any) -> Plan:
    """Return the plan for a guest that is off. `was`: changes of its applied record."""
    wanted = {"power": RUNNING, "leave_stopped": True, **more}
    web = wish("Domain/web", LIVE, **wanted)
    return planned(world([web], [seen(web, state_reason=state_reason)], [replace(remembered(web), **was)]))


RAN: dict[str, Any] = {"runtime_id": 1}


def test_guest_stopped_by_another_tool_stays_off_with_on_guest_stop_leave() -> None:
    plan = off(RAN)

    assert done(plan) == []
    assert held(plan) == [("start Domain/web", "LEFT")]
    assert "virsh start web" in plan.held[0].release
    assert [str(key) for key in plan.records] == ["Domain/web"]
    assert done(off(RAN, leave_stopped=False)) == ["start Domain/web"]


def test_guest_stays_off_when_libvirt_no_longer_reports_the_reason() -> None:
    plan = off({"left": True}, state_reason=None)

    assert held(plan) == [("start Domain/web", "LEFT")]
    assert plan.records == ()


@pytest.mark.parametrize(
    ("was", "state_reason"),
    [
        pytest.param(RAN, None, id="it crashed, or the host booted"),
        pytest.param({}, StateReason.STOPPED, id="it never ran for this spec"),
        pytest.param({"runtime_id": 1, "digest": ""}, StateReason.STOPPED, id="we were restarting it"),
    ],
)
def test_guest_that_was_not_stopped_by_another_tool_is_started(
    was: dict[str, Any], state_reason: StateReason | None
) -> None:
    assert done(off(was, state_reason)) == ["start Domain/web"]


def test_guest_that_stays_off_is_still_edited() -> None:
    web = wish("Domain/web", "<domain><memory>2</memory></domain>", power=RUNNING, leave_stopped=True)
    there = seen(web, LIVE, state_reason=StateReason.STOPPED)

    plan = planned(world([web], [there], [replace(remembered(web), **RAN)]))

    assert done(plan) == ["define Domain/web"]
    assert held(plan) == [("start Domain/web", "LEFT")]


def test_guest_started_again_by_another_tool_no_longer_stays_off() -> None:
    web = wish("Domain/web", LIVE, power=RUNNING, leave_stopped=True)

    plan = planned(world([web], [seen(web, live=LIVE)], [remembered(web, left=True)]))

    assert plan.is_empty
    assert [str(key) for key in plan.records] == ["Domain/web"]
