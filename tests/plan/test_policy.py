"""Policies of objects: steps that need an approval, and steps that an approval releases."""

from typing import Any

import pytest

from kvmreconcile.model import Apply, Window, World
from kvmreconcile.plan import Overrides
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

OTHER = "11111111-1111-4111-8111-111111111111"
XML = f"<domain><uuid>{OTHER}</uuid></domain>"


def other_uuid(**policy: Any) -> World:
    """Return a world in which a domain must be replaced."""
    was = wish("Domain/web")
    return world([wish("Domain/web", XML, **policy)], [seen(was)], [remembered(was)])


def test_effect_above_the_limit_is_held_until_approved() -> None:
    first = planned(other_uuid(power=RUNNING))

    assert held(first) == [("replace Domain/web", "EFFECT"), ("start Domain/web", "EFFECT")]
    assert first.held[0].detail == "effect replace, allowed up to next-boot"
    assert first.held[0].release == 'approve this plan, or set "update.maxEffect: replace"'
    assert done(planned(other_uuid(power=RUNNING), Overrides(approved=first.digest))) == [
        "replace Domain/web",
        "start Domain/web",
    ]


def test_approval_of_another_plan_releases_nothing() -> None:
    first = planned(other_uuid())

    assert done(planned(other_uuid(autostart=True), Overrides(approved=first.digest))) == []


@pytest.mark.parametrize("policy", [{"apply": Apply.OBSERVE}, {"protect": True}])
def test_approval_does_not_release_what_the_spec_forbids(policy: dict[str, Any]) -> None:
    first = planned(other_uuid(**policy))
    second = planned(other_uuid(**policy), Overrides(approved=first.digest))

    assert (done(second), held(second)) == ([], held(first))


def test_effect_limit_of_the_caller_overrides_the_spec() -> None:
    assert done(planned(other_uuid(), Overrides(max_effect=Effect.REPLACE))) == ["replace Domain/web"]
    assert held(planned(other_uuid(max_effect=Effect.REPLACE), Overrides(max_effect=Effect.LIVE))) != []


def test_object_with_apply_observe_is_compared_but_not_changed() -> None:
    web = wish("Domain/web", "<domain><memory>1</memory></domain>", apply=Apply.OBSERVE)
    made = planned(world([web], [seen(web, "<domain><memory>2</memory></domain>")], [remembered(web)]))

    assert held(made) == [("define Domain/web", "OBSERVE")]
    assert [c.path for c in made.held[0].action.changes] == ["memory"]


def test_protected_object_can_be_changed_without_a_replacement() -> None:
    web = wish("Domain/web", "<domain><memory>1</memory></domain>", protect=True)

    assert done(planned(world([web], [seen(web, "<domain/>")], [remembered(web)]))) == ["define Domain/web"]


def test_stop_required_by_the_spec_is_not_held() -> None:
    web = wish("Domain/web", power=STOPPED, max_effect=Effect.LIVE)

    assert done(planned(world([web], [seen(web, live="<domain/>")], [remembered(web)]))) == [
        "stop Domain/web"
    ]


def test_digest_depends_on_the_plan_and_not_on_the_order_of_specs() -> None:
    a, b = wish("Domain/a"), wish("Domain/b")

    assert planned(world([a, b])).digest == planned(world([b, a])).digest
    assert planned(world([a])).digest != planned(world([b])).digest


def test_digest_depends_on_secret_values() -> None:
    def digest(password: str) -> str:
        web = wish("Domain/web", f"<domain><password>{password}</password></domain>")
        old = seen(web, "<domain><password>old</password></domain>")
        return planned(world([web], [old], [remembered(web)])).digest

    assert digest("one") != digest("two")
    assert digest("one") == digest("one")


def test_advice_names_the_setting_that_limits_the_effect() -> None:
    window = Window("0 2 * * SUN", 7200, "UTC", Effect.RESTART)
    theirs, ours = other_uuid(windows=(window,)), Overrides(max_effect=Effect.LIVE)

    assert planned(theirs).held[0].release == (
        'approve this plan, or set "maxEffect: replace" for one of its "update.windows"'
    )
    assert planned(other_uuid(), ours).held[0].release == "approve this plan, or use --max-effect replace"
