"""Objects are held if the host does not meet a requirement."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Hold, Key, Obstacle
from kvmreconcile.plan import Overrides
from tests.plan.worlds import RUNNING, done, planned, wish, world

WEB = Key("Domain", "web")


@pytest.mark.case("38g")
@pytest.mark.parametrize("is_certain", [True, False])
def test_approval_releases_a_missing_requirement_only_if_uncertain(*, is_certain: bool) -> None:
    specs = [wish("Domain/web", "<domain><memory>1</memory></domain>", power=RUNNING)]
    specs.append(wish("Domain/db", "<domain><memory>1</memory></domain>"))
    obstacle = Obstacle("it is missing", "create it", is_certain=is_certain)
    there = replace(world(specs, []), lacking={WEB: obstacle})

    made = planned(there)
    approved = planned(there, Overrides(approved=made.digest))

    assert done(made) == ["create Domain/db"]
    assert {(h.action.key, h.hold, h.detail) for h in made.held} == {(WEB, Hold.HOST, "it is missing")}
    assert all(h.release.endswith("or approve this plan to try it anyway") != is_certain for h in made.held)
    assert ("create Domain/web" in done(approved)) != is_certain
