"""Edits after which a guest is not ready are rolled back, and hold the edits of its group."""

from dataclasses import replace
from typing import Any

import pytest

from kvmreconcile.model import (
    Actual,
    Applied,
    Desired,
    Key,
    Plan,
    Policy,
    Power,
    Probation,
    Ready,
    StateReason,
    Window,
    World,
)
from kvmreconcile.plan import Limit, Limits, Overrides
from kvmreconcile.plan.probation import begin_probation, digest_with_readiness
from kvmreconcile.tree import Effect, parse
from tests.plan.worlds import BOOKS, RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

GOOD, BAD, NEXT = (f'<domain><cpu mode="{mode}"/></domain>' for mode in ("good", "bad", "next"))
FREE = Limits(restart=Limit(1.0, 10))
"""The limits are tested elsewhere."""
WHY = "Domain/web: not ready within 120 s: agent: silent"
DOMAINS = BOOKS["Domain"]


def guest(name: str = "web", xml: str = BAD, **more: Any) -> Desired:
    said = {
        "power": RUNNING,
        "ready": Ready(agent=True),
        "rollback": True,
        "max_effect": Effect.RESTART,
        **more,
    }
    return wish(f"Domain/{name}", xml, **said)


def probation(wanted: Desired, failed: str = "", xml: str = GOOD) -> Probation:
    return Probation(digest_with_readiness(wanted, DOMAINS), parse(xml), failed=failed)


def runs(wanted: Desired, stored: str = BAD, live: str = BAD, **more: Any) -> Actual:
    return seen(wanted, stored, live=live, **more)


def edited(wanted: Desired) -> Applied:
    """Return the applied record of a guest whose edit was only stored."""
    return remembered(wanted, digest="", runtime_id=1)


def of(wanted: Desired, actual: Actual, known: Applied, edit: Probation | None = None, **more: Any) -> World:
    probations = {wanted.key: edit} if edit else {}
    return world([wanted], [actual], [known], probations=probations, **more)


def test_edit_with_a_restart_ends_with_a_readiness_probe() -> None:
    web = guest()
    made = planned(of(web, runs(web, GOOD, GOOD), remembered(guest(xml=GOOD))))

    assert done(made) == ["define Domain/web", "restart Domain/web", "ready Domain/web"]
    assert made.instead == {}


def test_live_edit_of_a_running_guest_ends_with_a_readiness_probe() -> None:
    memory = "<domain><memory>{}</memory></domain>"
    was, web = guest(xml=memory.format(1)), guest(xml=memory.format(2))
    there = runs(web, memory.format(1), memory.format(1))

    assert done(planned(of(web, there, remembered(was)))) == [
        "define Domain/web",
        "set-memory Domain/web",
        "ready Domain/web",
    ]
    careless = replace(web, policy=Policy(lifecycle=replace(web.policy.lifecycle, rollback=False)))
    assert "ready Domain/web" not in done(planned(of(careless, there, remembered(was))))


def test_corrected_drift_has_no_probation() -> None:
    web = guest(xml="<domain><memory>1</memory></domain>")
    there = runs(web, "<domain><memory>2</memory></domain>", "<domain><memory>2</memory></domain>")

    assert done(planned(of(web, there, remembered(web)))) == ["define Domain/web", "set-memory Domain/web"]


def test_edit_of_a_stopped_guest_needs_no_probation() -> None:
    web = guest(power=STOPPED)

    assert done(planned(of(web, seen(web, GOOD), remembered(guest(xml=GOOD))))) == ["define Domain/web"]


def test_edit_interrupted_after_its_restart_is_probed_again() -> None:
    web = guest()
    made = planned(of(web, runs(web), remembered(web, runtime_id=1), probation(web)))

    assert done(made) == ["ready Domain/web"]
    assert made.actions[0].policy.lifecycle.ready == Ready(agent=True)


def test_readiness_with_a_pending_edit_is_checked_after_the_next_start() -> None:
    web = guest(max_effect=Effect.NEXT_BOOT)
    made = planned(of(web, runs(web, live=GOOD), remembered(web, runtime_id=1), probation(web)))

    assert done(made) == []
    assert web.key in made.pending


def test_failed_edit_is_rolled_back_outside_windows_and_held() -> None:
    sunday = Window("0 2 * * SUN", 3600, max_effect=Effect.RESTART)
    web = guest(max_effect=Effect.NEXT_BOOT, windows=(sunday,))
    made = planned(of(web, runs(web), edited(web), probation(web, WHY)))

    assert done(made) == ["define Domain/web", "restart Domain/web", "ready Domain/web"]
    assert {a.reason.name for a in made.actions} == {"ROLLBACK"}
    assert [(c.path, c.old, c.new) for c in made.actions[0].changes + made.actions[1].changes] == [
        ("cpu/@mode", "bad", "good"),
        ("cpu/@mode", "bad", "good"),
    ]
    assert made.instead[web.key].tree == parse(GOOD)
    assert made.held == ()


def rolled_back(web: Desired, edit: Probation, overrides: Overrides | None = None) -> Plan:
    """Return the plan after a rollback of an edit."""
    good = replace(web, tree=parse(GOOD))
    known = remembered(good, runtime_id=1)
    return planned(of(web, runs(web, GOOD, GOOD), known, edit), overrides)


def test_rolled_back_edit_is_held_with_its_reason_until_approved() -> None:
    web = guest()
    made = rolled_back(web, probation(web, WHY))

    assert done(made) == []
    assert held(made) == [("define Domain/web", "TAKEN_BACK"), ("restart Domain/web", "TAKEN_BACK")]
    assert (made.held[0].detail, made.held[0].release) == (WHY, "correct its spec, or approve this plan")
    assert made.in_sync == ()
    assert made.instead[web.key].tree == parse(GOOD)

    again = rolled_back(web, probation(web, WHY), Overrides(approved=made.digest))

    assert done(again) == ["define Domain/web", "restart Domain/web", "ready Domain/web"]
    assert held(again) == []
    assert again.instead == {}


def test_new_edit_is_made_after_a_rollback() -> None:
    web = guest()
    made = rolled_back(guest(xml=NEXT), probation(web, WHY))

    assert done(made) == ["define Domain/web", "restart Domain/web", "ready Domain/web"]
    assert made.instead == {}


def test_rolled_back_edit_is_retried_with_a_changed_readiness_probe() -> None:
    web = guest()
    made = rolled_back(guest(ready=Ready(lease=True)), probation(web, WHY))

    assert done(made)[0] == "define Domain/web"


@pytest.mark.parametrize("wanted", [guest(xml=GOOD), guest(xml=GOOD, rollback=False)])
def test_rolled_back_edit_that_the_spec_reverts_is_forgotten(wanted: Desired) -> None:
    made = rolled_back(wanted, probation(guest(), WHY))

    assert made.is_empty
    assert wanted.key in made.records
    assert made.instead == {}


def test_guest_stopped_after_a_rollback_is_started() -> None:
    web = guest()
    known = remembered(replace(web, tree=parse(GOOD)))
    made = planned(of(web, seen(web, GOOD), known, probation(web, WHY)))

    assert done(made) == ["start Domain/web", "ready Domain/web"]
    assert made.actions[0].reason.name == "DRIFT"


def test_unselected_and_removed_objects_are_not_rolled_back() -> None:
    web = guest()
    seen_all = of(web, runs(web), edited(web), probation(web, WHY))

    assert done(planned(seen_all, Overrides(only=frozenset()))) == []
    assert planned(replace(seen_all, desired={})).instead == {}


# Edits of the other members of a group.


def members(*names: str, **more: Any) -> list[Desired]:
    return [guest(name, **{"group": "tier=web", **more}) for name in names]


def rollout(guests: list[Desired], probations: dict[str, str], overrides: Overrides | None = None) -> Plan:
    """Return the plan for a group with a new edit. Some edits are on probation or rolled back."""
    there = [runs(g) if probations.get(g.key.name) == "" else runs(g, GOOD, GOOD) for g in guests]
    known = [
        remembered(g if probations.get(g.key.name) == "" else replace(g, tree=parse(GOOD)), runtime_id=1)
        for g in guests
    ]
    found = {g.key: probation(g, probations[g.key.name]) for g in guests if g.key.name in probations}
    return planned(world(guests, there, known, probations=found), overrides, FREE)


def test_group_members_are_edited_one_at_a_time_in_their_order() -> None:
    made = rollout([*members("a"), *members("b", order=-1)], {})

    assert done(made) == ["define Domain/b", "restart Domain/b", "ready Domain/b"]
    assert held(made) == [("define Domain/a", "GROUP"), ("restart Domain/a", "GROUP")]
    assert (
        made.held[0].detail
        == 'group "tier=web", edited in this pass, or not yet ready after an edit: Domain/b'
    )


def test_next_group_member_is_edited_after_the_first_is_ready() -> None:
    made = rollout(members("a", "b"), {"a": ""})

    assert done(made) == ["ready Domain/a"]
    assert held(made) == [("define Domain/b", "GROUP"), ("restart Domain/b", "GROUP")]


def test_group_members_up_to_max_unavailable_are_edited_at_once() -> None:
    made = rollout(members("a", "b", "c", max_unavailable=2), {})

    assert held(made) == [("define Domain/c", "GROUP"), ("restart Domain/c", "GROUP")]


def test_rollback_of_one_member_holds_the_edits_of_its_group() -> None:
    guests = [*members("a", "b"), guest("other", group="tier=db"), guest("alone")]
    made = rollout(guests, {"a": WHY})

    assert {a.key.name for a in made.actions} == {"other", "alone"}
    assert [*held(made)] == [
        ("define Domain/b", "ROLLOUT"),
        ("restart Domain/b", "ROLLOUT"),
        ("define Domain/a", "TAKEN_BACK"),
        ("restart Domain/a", "TAKEN_BACK"),
    ]
    assert made.held[0].detail == f"Domain/a: {WHY}"
    assert made.held[0].release == "correct the spec of Domain/a, or approve this plan"

    again = rollout(guests, {"a": WHY}, Overrides(approved=made.digest))
    assert {a.key.name for a in again.actions} == {"a", "other", "alone"}
    assert held(again) == [("define Domain/b", "GROUP"), ("restart Domain/b", "GROUP")]


def test_rollback_of_a_member_does_not_wait_for_its_group() -> None:
    a, b = members("a", "b")
    there = [runs(a), seen(b, GOOD)]
    known = [edited(a), remembered(replace(b, tree=parse(GOOD)))]
    made = planned(world([a, b], there, known, probations={a.key: probation(a, WHY)}), limits=FREE)

    assert done(made)[:2] == ["define Domain/a", "restart Domain/a"]
    assert done(made)[-2:] == ["start Domain/b", "ready Domain/b"]
    assert held(made) == [("define Domain/b", "ROLLOUT")]


def test_replacement_of_a_group_member_waits_as_a_whole() -> None:
    a, b = members("a"), members("b", xml="<domain><uuid>1</uuid></domain>", max_effect=Effect.REPLACE)
    there = [runs(a[0]), runs(b[0], GOOD, GOOD)]
    known = [edited(a[0]), remembered(replace(b[0], tree=parse(GOOD)))]
    made = planned(world([*a, *b], there, known, probations={a[0].key: probation(a[0], WHY)}), limits=FREE)

    assert held(made) == [("replace Domain/b", "ROLLOUT"), ("start Domain/b", "ROLLOUT")]


# Records that are made before an edit.


def test_rollback_restores_the_previous_spec() -> None:
    web, was = guest(), guest(xml=GOOD)
    there = runs(web, GOOD, GOOD, autostart=True)

    begun = begin_probation(web, there, remembered(was), None, DOMAINS)

    assert begun == Probation(digest_with_readiness(web, DOMAINS), parse(GOOD), autostart=True)


def test_rollback_skips_edits_that_were_never_ready() -> None:
    first, second = guest(), guest(xml=NEXT)

    for failed in ("", WHY):
        begun = begin_probation(second, runs(first), edited(first), probation(first, failed), DOMAINS)
        assert begun == probation(second)


@pytest.mark.parametrize(
    ("wanted", "actual", "known"),
    [
        pytest.param({"rollback": False}, {}, {}, id="no rollback"),
        pytest.param({"power": Power.PAUSED}, {}, {}, id="it is not to run"),
        pytest.param({}, {"active": False}, {}, id="it does not run"),
        pytest.param({}, {"state_reason": StateReason.PAUSED}, {}, id="paused"),
        pytest.param({}, {}, {"digest": ""}, id="what was is not known"),
        pytest.param({}, {}, {"complete": False}, id="what was is half made"),
    ],
)
def test_edit_without_an_applied_spec_has_no_rollback(
    wanted: dict[str, Any], actual: dict[str, Any], known: dict[str, Any]
) -> None:
    web = guest(**wanted)
    there = replace(runs(web, GOOD, GOOD), **actual)

    assert begin_probation(web, there, replace(remembered(guest(xml=GOOD)), **known), None, DOMAINS) is None


SECRET_BEFORE = '<domain><password>one</password><disk dev="a" key="k1"/><disk dev="b"/></domain>'


def test_rollback_uses_the_secrets_of_the_current_spec() -> None:
    was = guest(xml=SECRET_BEFORE)
    web = guest(xml='<domain><password>two</password><disk dev="c"/><disk dev="a" key="k2"/></domain>')
    begun = begin_probation(web, runs(was, SECRET_BEFORE, SECRET_BEFORE), remembered(was), None, DOMAINS)

    assert begun
    assert "'one'" not in str(begun)
    assert "'k1'" not in str(begun)
    made = planned(of(web, runs(web, SECRET_BEFORE), edited(web), replace(begun, failed=WHY)))
    assert made.instead[web.key].tree == parse(
        '<domain><password>two</password><disk dev="a" key="k2"/><disk dev="b"/></domain>'
    )


@pytest.mark.parametrize(
    "now",
    [
        '<domain><disk dev="a" key="k1"/></domain>',
        "<domain><password>one</password></domain>",
        '<domain><password>one</password><disk dev="a"/></domain>',
    ],
)
def test_edit_that_removes_a_secret_has_no_rollback(now: str) -> None:
    was, web = guest(xml=SECRET_BEFORE), guest(xml=now)

    assert (
        begin_probation(web, runs(was, SECRET_BEFORE, SECRET_BEFORE), remembered(was), None, DOMAINS) is None
    )


def test_failed_edit_is_not_rolled_back_without_its_former_secret() -> None:
    was, web = guest(xml=SECRET_BEFORE), guest()
    lost = replace(probation(web, WHY), tree=remembered(was).tree)
    made = planned(of(web, runs(web), remembered(web, runtime_id=1), lost))

    assert made.instead == {}
    assert made.is_empty


def test_probation_of_an_object_without_spec_is_ignored() -> None:
    key = Key("Mirror", "m")
    made = planned(world(probations={key: Probation("x", parse("<mirror/>"))}, frozen=frozenset({key})))

    assert made.is_empty
    assert made.digest == planned(world()).digest
