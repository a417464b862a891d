"""Groups: a limited number of members is restarted at a time, in their order."""

from typing import Any

from kvmreconcile.model import Actual, Apply, Desired, Plan
from kvmreconcile.plan import Limit, Limits, Overrides
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, STOPPED, done, planned, remembered, seen, wish, world

OLD, NEW = '<domain><cpu mode="a"/></domain>', '<domain><cpu mode="b"/></domain>'
FREE = Limits(restart=Limit(1.0, 10))
"""The limits are tested elsewhere."""


def member(name: str, **policy: Any) -> Desired:
    policy = {"group": "tier=web", "power": RUNNING, "max_effect": Effect.RESTART, **policy}
    return wish(f"Domain/{name}", NEW, **policy)


def there(guest: Desired, live: str | None = OLD) -> Actual:
    """Return a guest with a new stored definition. It is off or runs with the old definition."""
    return seen(guest, NEW, live=live)


def plan_of(*guests: Desired, off: tuple[str, ...] = (), overrides: Overrides | None = None) -> Plan:
    objects = [there(g, None if g.key.name in off else OLD) for g in guests]
    return planned(world(guests, objects, [remembered(g) for g in guests]), overrides, FREE)


def waiting(plan: Plan) -> dict[str, str]:
    assert {h.hold.value for h in plan.held} <= {"waits for other members of its group"}
    return {f"{h.action.verb.name} {h.action.key}": h.detail for h in plan.held}


def test_one_member_of_a_group_is_restarted_and_the_others_wait() -> None:
    made = plan_of(*(member(name) for name in ("a", "b", "c")))

    assert done(made) == ["restart Domain/a"]
    assert waiting(made) == dict.fromkeys(
        ("restart Domain/b", "restart Domain/c"),
        'group "tier=web", at most 1 unavailable; not known to run, or changed in this pass: Domain/a',
    )
    assert {key.name for key in made.pending} == {"b", "c"}


def test_next_member_is_restarted_when_the_first_runs_again() -> None:
    first, second = member("a"), member("b")
    back = world([first, second], [there(first, NEW), there(second)], [remembered(first), remembered(second)])

    assert done(planned(back)) == ["restart Domain/b"]


def test_no_member_is_restarted_while_another_should_run_but_is_off() -> None:
    made = plan_of(member("a"), member("b"), off=("a",))

    assert done(made) == ["start Domain/a"]
    assert waiting(made) == {
        "restart Domain/b": 'group "tier=web", at most 1 unavailable; not known to run, or changed in this pass: Domain/a'
    }


def test_stopped_members_and_other_groups_hold_no_steps() -> None:
    made = plan_of(member("a"), member("b", power=STOPPED), member("c", group="tier=db"), off=("b",))

    assert done(made) == ["restart Domain/a", "restart Domain/c"]


def test_members_up_to_max_unavailable_are_restarted_in_their_order() -> None:
    guests = [member(n, max_unavailable=2, order=o) for n, o in (("a", 3), ("b", 2), ("c", 1))]

    assert sorted(done(plan_of(*guests))) == ["restart Domain/b", "restart Domain/c"]


def test_definition_of_a_waiting_member_is_stored_at_once() -> None:
    first, second = member("a"), member("b")
    made = planned(
        world(
            [first, second],
            [seen(first, OLD, live=OLD), seen(second, OLD, live=OLD)],
            [remembered(first), remembered(second)],
        )
    )

    assert done(made) == ["define Domain/a", "restart Domain/a", "define Domain/b"]


def test_later_steps_of_a_member_with_a_held_step_are_held() -> None:
    new = "<domain><uuid>{}</uuid></domain>"
    was = [wish(f"Domain/{name}") for name in "ab"]
    guests = [
        wish(str(w.key), new.format(n), group="g", power=RUNNING, max_effect=Effect.REPLACE)
        for n, w in enumerate(was)
    ]
    made = planned(world(guests, [seen(w, live=OLD) for w in was], [remembered(w) for w in was]))

    assert done(made) == ["replace Domain/a", "start Domain/a"]
    assert list(waiting(made)) == ["replace Domain/b", "start Domain/b"]


def test_approved_plan_still_restarts_members_one_at_a_time() -> None:
    guests = [member(name, max_effect=Effect.NEXT_BOOT) for name in "ab"]
    once = Overrides(max_effect=Effect.RESTART)
    digest = plan_of(*guests, overrides=once).digest

    made = plan_of(*guests, overrides=Overrides(max_effect=Effect.RESTART, approved=digest))

    assert done(made) == ["restart Domain/a"]


def test_guests_without_a_group_do_not_wait_for_each_other() -> None:
    assert done(plan_of(member("a", group=""), member("b", group=""))) == [
        "restart Domain/a",
        "restart Domain/b",
    ]


def test_group_applies_to_objects_of_one_kind_only() -> None:
    first, lan = member("a"), wish("Network/lan", group="tier=web", power=RUNNING, apply=Apply.OBSERVE)

    made = planned(world([first, lan], [there(first), seen(lan)], map(remembered, (first, lan))), limits=FREE)

    assert done(made) == ["restart Domain/a"]
