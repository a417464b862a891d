"""A definition that is wrong is held before anything of it is stored."""

from dataclasses import replace

from kvmreconcile.model import Hold, Key
from tests.plan.worlds import RUNNING, done, held, planned, seen, wish, world

IMPOSSIBLE = '<domain impossible="that"><memory>1</memory></domain>'
POSSIBLE = "<domain><memory>1</memory></domain>"


def test_new_object_that_cannot_be_is_held() -> None:
    result = planned(world([wish("Domain/web", IMPOSSIBLE, power=RUNNING)], []))

    assert done(result) == []
    assert {(h.hold, h.detail, h.release) for h in result.held} == {
        (Hold.INVALID, "@impossible: that cannot be", "leave it out")
    }


def test_edit_that_cannot_be_is_held_and_others_are_not() -> None:
    web, db = wish("Domain/web", IMPOSSIBLE), wish("Domain/db", POSSIBLE)

    result = planned(world([web, db], [seen(web, POSSIBLE)]))

    assert done(result) == ["create Domain/db"]
    assert held(result) == [("define Domain/web", "INVALID")]


def test_what_is_wrong_already_keeps_no_other_edit_back() -> None:
    web = wish("Domain/web", IMPOSSIBLE.replace("1", "2"))

    result = planned(world([web], [seen(web, IMPOSSIBLE)]))

    assert done(result) == ["define Domain/web"]


def test_what_libvirt_refused_when_asked_is_held_with_its_words() -> None:
    web, db = wish("Domain/web", POSSIBLE), wish("Domain/db", POSSIBLE)
    there = replace(world([web, db], []), refused={Key("Domain", "web"): "no such bus"})

    result = planned(there)

    assert done(result) == ["create Domain/db"]
    assert {(h.hold, h.detail) for h in result.held} == {(Hold.INVALID, "libvirt says: no such bus")}
