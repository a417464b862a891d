"""Ownership of objects, and plans for objects that are not ours."""

from dataclasses import replace

import pytest

from kvmreconcile.model import (
    Actual,
    Apply,
    Desired,
    Hold,
    Key,
    OwnershipMark,
    Reason,
    Surroundings,
    Unobservable,
)
from kvmreconcile.plan import Overrides, plan
from kvmreconcile.tree import Effect, Node
from tests.plan.worlds import BOOKS, RUNNING, Book, done, held, planned, remembered, seen, wish, world

WEB = wish("Domain/web", "<domain><memory>1</memory></domain>")
POOL = wish("StoragePool/p", power=RUNNING)
ROOT = wish("Volume/p/root", '<volume pool="p"><capacity>9</capacity></volume>')
UP = seen(POOL, live="<pool/>")
OTHER = "11111111-1111-4111-8111-111111111111"
THEIRS = replace(seen(WEB, f"<domain><uuid>{OTHER}</uuid></domain>"), uuid=OTHER, ownership_mark=None)


def test_object_not_created_by_this_instance_is_a_conflict() -> None:
    made = planned(world([WEB], [THEIRS]))

    assert done(made) == []
    assert [(h.hold, h.detail) for h in made.held] == [
        (Hold.CONFLICT, "nothing proves that this instance created or adopted it")
    ]
    assert 'set "adopt: true" in web.yaml:3:1' in made.held[0].release


def test_object_of_another_instance_is_not_adopted() -> None:
    ownership_mark = OwnershipMark("elsewhere", "Domain/web", OTHER)
    made = planned(world([wish("Domain/web", adopt=True)], [replace(THEIRS, ownership_mark=ownership_mark)]))

    assert [h.detail for h in made.held] == ['it is marked as managed by the instance "elsewhere"']
    assert made.held[0].release == (
        'change "metadata.name" in the spec; or, if that instance no longer manages it, '
        'remove its metadata "urn:kvmreconcile:1" and set "adopt: true" in the spec'
    )


def test_mark_copied_from_another_object_is_no_proof_of_ownership() -> None:
    ownership_mark = OwnershipMark("lab", "Domain/web", "uuid of the original")

    assert held(planned(world([WEB], [replace(THEIRS, ownership_mark=ownership_mark)]))) == [
        ("define Domain/web", "CONFLICT")
    ]


@pytest.mark.case("53e")
def test_conflict_reports_the_former_name_of_our_renamed_object() -> None:
    other = wish("Domain/other")
    ownership_mark = OwnershipMark("lab", "Domain/other", THEIRS.uuid)
    made = planned(world([WEB, other], [replace(THEIRS, ownership_mark=ownership_mark)]))

    (conflict,) = (h for h in made.held if h.action.key == WEB.key)
    assert conflict.detail == "it is marked as Domain/other of this instance"
    assert conflict.release == f'rename it back to "other", or set "adopt: true" in {WEB.source}'


def test_adopted_object_that_matches_its_spec_is_only_marked() -> None:
    theirs = replace(THEIRS, xml=f"<domain><memory>1</memory><uuid>{OTHER}</uuid></domain>")
    made = planned(world([wish("Domain/web", "<domain><memory>1</memory></domain>", adopt=True)], [theirs]))

    assert done(made) == ["own Domain/web"]
    assert made.actions[0].reason is Reason.ADOPT


@pytest.mark.parametrize(
    "actual",
    [
        pytest.param(replace(seen(WEB), ownership_mark=None), id="the UUID that only we derive"),
        pytest.param(
            replace(THEIRS, ownership_mark=OwnershipMark("lab", "Domain/web", OTHER)), id="our mark"
        ),
    ],
)
def test_our_object_is_recognized_without_a_state_record(actual: Actual) -> None:
    assert held(planned(world([WEB], [actual]))) == []


def test_our_object_is_recognized_by_its_recorded_uuid() -> None:
    known = replace(remembered(WEB), uuid=OTHER)

    assert held(planned(world([WEB], [THEIRS], [known]))) == []
    assert held(planned(world([WEB], [THEIRS], [replace(known, instance="x")]))) != []


def test_volume_without_state_record_is_ours_if_it_matches_its_spec_in_our_pool() -> None:
    made = planned(world([ROOT, POOL], [UP, seen(ROOT)], [remembered(POOL)]))

    assert made.is_empty
    assert made.records == (ROOT.key,)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        pytest.param(
            [ROOT, POOL], [UP, seen(ROOT, '<volume pool="p"><capacity>8</capacity></volume>')], id="differs"
        ),
        pytest.param([ROOT], [UP, seen(ROOT)], id="pool without a spec"),
        pytest.param(
            [ROOT, POOL],
            [replace(UP, uuid=OTHER, xml=f"<pool><uuid>{OTHER}</uuid></pool>"), seen(ROOT)],
            id="their pool",
        ),
    ],
)
def test_volume_without_state_record_is_otherwise_a_conflict(
    wanted: list[Desired], there: list[Actual]
) -> None:
    assert ("define Volume/p/root", "CONFLICT") in held(planned(world(wanted, there)))


def test_incomplete_volume_is_recreated() -> None:
    known = replace(remembered(ROOT), complete=False)
    made = planned(world([ROOT, POOL], [UP, seen(ROOT)], [known, remembered(POOL)]))

    assert [(a.verb.name, a.effect, a.reason) for a in made.actions] == [
        ("recreate", Effect.LIVE, Reason.UNFINISHED)
    ]


def test_incomplete_volume_with_an_edited_spec_is_kept() -> None:
    asked = wish("Volume/p/root", '<volume pool="p"><capacity>8</capacity></volume>')
    known = replace(remembered(asked), complete=False)
    made = planned(world([ROOT, POOL], [UP, seen(ROOT)], [known, remembered(POOL)]))

    assert held(made) == [("recreate Volume/p/root", "EFFECT")]
    assert made.held[0].action.effect is Effect.DATA_LOSS


def test_missing_incomplete_volume_is_created_without_approval() -> None:
    asked = wish("Volume/p/root", '<volume pool="p"><capacity>8</capacity></volume>')
    known = replace(remembered(asked), complete=False)
    made = planned(world([ROOT, POOL], [UP], [known, remembered(POOL)]))

    assert [(a.verb.name, a.effect) for a in made.actions] == [("recreate", Effect.LIVE)]


def test_incomplete_unobservable_volume_is_planned_as_if_it_existed() -> None:
    asked = wish("Volume/p/root", '<volume pool="p"><capacity>8</capacity></volume>')
    known = replace(remembered(asked), complete=False)
    unobservable = (Unobservable("Volume/p/", "the pool is inactive", POOL.key),)
    made = planned(world([ROOT, POOL], [seen(POOL)], [known, remembered(POOL)], unobservable))

    assert held(made) == [("recreate Volume/p/root", "EFFECT")]


def test_incomplete_domain_is_planned_like_an_adopted_domain() -> None:
    made = planned(
        world(
            [WEB],
            [seen(WEB, "<domain><memory>2</memory></domain>")],
            [replace(remembered(WEB), complete=False)],
        )
    )

    assert [(a.verb.name, a.reason) for a in made.actions] == [("define", Reason.ADOPT)]


def test_missing_object_is_created_again_with_reason_drift() -> None:
    made = planned(world([WEB], [], [remembered(WEB)]))

    assert [(a.verb.name, a.reason) for a in made.actions] == [("create", Reason.DRIFT)]


def test_existing_create_only_object_is_not_changed() -> None:
    once = wish("Domain/web", "<domain><memory>1</memory></domain>", apply=Apply.CREATE_ONLY)
    other = seen(once, "<domain><memory>2</memory></domain>")

    assert planned(world([once], [other], [remembered(once)])).in_sync == (once.key,)
    assert done(planned(world([once]))) == ["create Domain/web"]


def test_busy_object_is_held_unless_in_sync() -> None:
    busy = replace(seen(WEB, "<domain><memory>2</memory></domain>"), job="a backup is running")
    made = planned(world([WEB], [busy], [remembered(WEB)]))

    assert [(h.hold, h.detail) for h in made.held] == [(Hold.BUSY, "a backup is running")]
    assert planned(world([WEB], [replace(seen(WEB), job="backup")], [remembered(WEB)])).is_empty


def test_only_selected_objects_are_planned() -> None:
    made = planned(world([WEB, wish("Domain/db")]), Overrides(only=frozenset({Key("Domain", "db")})))

    assert done(made) == ["create Domain/db"]


def test_frozen_object_is_not_changed_or_counted() -> None:
    made = planned(world([WEB], [seen(WEB, "<domain/>")], [remembered(WEB)], frozen=frozenset({WEB.key})))

    assert (made.is_empty, made.in_sync) == (True, ())


def test_lookup_prefers_the_actual_to_the_desired_definition() -> None:
    found: list[Node | None] = []

    class Asking(Book):
        def complete(self, proposed: Node, surroundings: Surroundings) -> Node:
            found.extend(surroundings.lookup(k) for k in (ROOT.key, POOL.key, Key("Volume", "p/none")))
            return proposed

    there = seen(ROOT, '<volume pool="p"><capacity>7</capacity></volume>')
    plan(world([WEB, ROOT, POOL], [there]), {**BOOKS, "Domain": Asking("Domain", "domain")})

    assert found == [there.tree, POOL.tree, None]


def test_conflict_advises_to_rename_our_object_back() -> None:
    renamed = replace(THEIRS, ownership_mark=OwnershipMark("lab", "Domain/first", OTHER))

    made = planned(world([WEB, wish("Domain/first")], [renamed]))

    (conflict,) = (h for h in made.held if h.hold is Hold.CONFLICT)
    assert conflict.detail == "it is marked as Domain/first of this instance"
    assert conflict.release == 'rename it back to "first", or set "adopt: true" in web.yaml:3:1'
