"""An invalid definition is held before anything is stored."""

from dataclasses import replace

from kvmreconcile.model import Apply, Hold, Key
from kvmreconcile.plan import Overrides
from tests.plan.worlds import RUNNING, done, held, planned, seen, wish, world

IMPOSSIBLE = '<domain impossible="that"><memory>1</memory></domain>'
POSSIBLE = "<domain><memory>1</memory></domain>"


def test_new_object_with_an_invalid_definition_is_held() -> None:
    result = planned(world([wish("Domain/web", IMPOSSIBLE, power=RUNNING)], []))

    assert done(result) == []
    assert {(h.hold, h.detail, h.release) for h in result.held} == {
        (Hold.INVALID, "@impossible: that cannot be", "leave it out")
    }


def test_invalid_edit_is_held_and_other_objects_are_planned() -> None:
    web, db = wish("Domain/web", IMPOSSIBLE), wish("Domain/db", POSSIBLE)

    result = planned(world([web, db], [seen(web, POSSIBLE)]))

    assert done(result) == ["create Domain/db"]
    assert held(result) == [("define Domain/web", "INVALID")]


def test_error_in_the_stored_definition_does_not_hold_other_edits() -> None:
    web = wish("Domain/web", IMPOSSIBLE.replace("1", "2"))

    result = planned(world([web], [seen(web, IMPOSSIBLE)]))

    assert done(result) == ["define Domain/web"]


def test_definition_that_libvirt_rejects_is_held_with_its_message() -> None:
    web, db = wish("Domain/web", POSSIBLE), wish("Domain/db", POSSIBLE)
    there = replace(world([web, db], []), refused={Key("Domain", "web"): "no such bus"})

    result = planned(there)
    approved = planned(there, Overrides(approved=result.digest))

    assert done(result) == ["create Domain/db"]
    assert {(h.hold, h.detail) for h in result.held} == {(Hold.INVALID, "libvirt says: no such bus")}
    assert done(approved) == ["create Domain/db", "create Domain/web"]


def test_invalid_object_with_apply_observe_is_held_as_observed() -> None:
    web = wish("Domain/web", POSSIBLE)
    observed = replace(web, policy=replace(web.policy, apply=Apply.OBSERVE))

    result = planned(replace(world([observed], []), refused={web.key: "no such bus"}))

    assert {h.hold for h in result.held} == {Hold.OBSERVE}
