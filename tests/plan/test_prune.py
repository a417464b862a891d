"""Removal of objects without specs, and the reasons that hold it."""

from dataclasses import replace
from typing import Any

import pytest

from kvmreconcile.model import Actual, Desired, Hold, Key, Obstacle, Prune, Unknown, Unobservable, World
from kvmreconcile.plan import Limit, Limits, Overrides
from kvmreconcile.tree import Effect
from tests.plan.worlds import done, held, needs, planned, remembered, seen, wish, world

KEEP = wish("Domain/keep")
OLD = wish("Domain/old", '<domain><nic mac="1" network="lan"/></domain>')
LAN = wish("Network/lan")
KEPT = ([KEEP], [seen(KEEP)], [remembered(KEEP)])
WIDE = Limits(delete=Limit(1.0, 10))


def orphaned(*objects: Desired, there: list[Actual] | list[Unknown] | None = None, **more: Any) -> World:
    """Return a world with one desired object, and the given objects of ours without specs."""
    found = [seen(o) for o in objects] if there is None else there
    return world([KEEP], [seen(KEEP), *found], [remembered(o) for o in (KEEP, *objects)], **more)


def test_orphans_are_removed_after_their_dependents() -> None:
    made = planned(orphaned(OLD, LAN), limits=WIDE)

    assert done(made) == ["remove Domain/old", "remove Network/lan"]
    assert needs(made) == {"Domain/old": [], "Network/lan": ["Domain/old"]}


@pytest.mark.case("13a")
@pytest.mark.case("13b")
def test_removal_has_the_effect_and_notes_of_its_kind() -> None:
    pool, volume = wish("StoragePool/p"), wish("Volume/p/v", '<volume pool="p"/>')
    theirs = replace(seen(OLD), key=Key("Domain", "theirs"), ownership_mark=None)
    here = orphaned(
        pool,
        volume,
        LAN,
        there=[seen(pool), seen(volume), seen(LAN), theirs],
        prune={"StoragePool": Prune.AUTO},
    )

    made = planned(here, limits=WIDE)

    removals = {str(a.key): a for a in (*made.actions, *(h.action for h in made.held))}
    assert {key: (a.effect, a.notes) for key, a in removals.items()} == {
        "Network/lan": (Effect.REPLACE, ("used by Domain/theirs",)),
        "StoragePool/p": (Effect.REPLACE, ("holds Volume/p/v",)),
        "Volume/p/v": (Effect.DATA_LOSS, ()),
    }


@pytest.mark.case("13b")
def test_removal_that_would_lose_kept_data_is_held_despite_approval() -> None:
    old = wish("Domain/old", '<domain sticky="yes"><nic mac="1" network="lan"/></domain>')
    here = orphaned(old, LAN)

    made = planned(here, limits=WIDE)

    assert held(made) == [("remove Domain/old", "LEFTOVERS"), ("remove Network/lan", "PROTECTED")]
    assert (made.held[0].detail, made.held[0].release) == ("it sticks", "tear it off")
    assert done(planned(here, Overrides(approved=made.digest), WIDE)) == []


def test_only_the_record_of_a_missing_orphan_is_removed() -> None:
    made = planned(orphaned(OLD, there=[]))

    assert (made.is_empty, made.records) == (True, (OLD.key,))


def test_removal_waits_for_a_confirmation_that_names_the_plan() -> None:
    here = orphaned(OLD, prune={"Domain": Prune.CONFIRM})
    first = planned(here)
    second = planned(here, Overrides(approved=first.digest))

    assert held(first) == [("remove Domain/old", "PRUNE")]
    assert (done(second), second.held) == (["remove Domain/old"], ())
    assert held(planned(here, Overrides(approved="stale"))) == held(first)


def test_orphan_with_prune_never_is_not_in_the_plan() -> None:
    made = planned(orphaned(OLD, prune={"Domain": Prune.NEVER}))

    assert (made.is_empty, made.records) == (True, ())


def test_frozen_and_unselected_orphans_stay() -> None:
    assert planned(orphaned(OLD, frozen=frozenset({OLD.key}))).is_empty
    assert planned(orphaned(OLD), Overrides(only=frozenset({KEEP.key}))).is_empty


def test_nothing_is_removed_while_a_spec_cannot_be_read() -> None:
    made = planned(orphaned(OLD, complete=False))

    assert held(made) == [("remove Domain/old", "INCOMPLETE")]
    assert "a spec or the state record" in made.held[0].detail


@pytest.mark.case("46")
def test_object_whose_spec_file_was_not_read_is_kept_despite_approval() -> None:
    obstacle = Obstacle("the last known spec was in old.yaml, which is not read", "read it")
    here = orphaned(OLD, LAN, unread={OLD.key: obstacle})

    made = planned(here, limits=WIDE)

    assert held(made) == [("remove Domain/old", "UNREAD"), ("remove Network/lan", "PROTECTED")]
    assert (made.held[0].detail, made.held[0].release) == (obstacle.why, obstacle.todo)
    assert done(planned(here, Overrides(approved=made.digest), WIDE)) == []


def test_nothing_is_removed_while_a_spec_is_frozen() -> None:
    made = planned(orphaned(OLD, frozen=frozenset({Key("Domain", "broken")})))

    assert held(made) == [("remove Domain/old", "INCOMPLETE")]


def test_nothing_is_removed_if_there_is_no_spec() -> None:
    made = planned(world([], [seen(OLD)], [remembered(OLD)]))

    assert held(made) == [("remove Domain/old", "INCOMPLETE")]
    assert "no spec was found" in made.held[0].detail


@pytest.mark.parametrize(
    ("there", "unobservable", "why"),
    [
        ([Unknown(OLD.key, "timeout")], (), "timeout"),
        ([], (Unobservable("Domain/", "no daemon"),), "no daemon"),
    ],
)
def test_unobservable_orphan_is_not_removed(
    there: list[Unknown], unobservable: tuple[Unobservable, ...], why: str
) -> None:
    made = planned(orphaned(OLD, there=there, unobservable=unobservable))

    assert ("remove Domain/old", "UNKNOWN") in held(made)
    assert made.held[-1].detail == why


def test_protection_by_a_deleted_spec_still_holds_the_removal() -> None:
    old = wish("Domain/old", protect=True)

    assert held(planned(orphaned(old))) == [("remove Domain/old", "PROTECTED")]


def test_busy_object_is_not_removed() -> None:
    assert held(planned(orphaned(OLD, there=[replace(seen(OLD), job="backup")]))) == [
        ("remove Domain/old", "BUSY")
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"uuid": "another"}, id="recreated under the name"),
        pytest.param({"ownership_mark": None}, id="mark taken away"),
    ],
)
def test_only_the_record_of_an_orphan_without_proof_of_ownership_is_removed(change: dict[str, Any]) -> None:
    made = planned(orphaned(OLD, there=[replace(seen(OLD), **change)]))

    assert (made.is_empty, made.records) == (True, (OLD.key,))


def test_orphans_of_another_instance_are_ignored() -> None:
    theirs = replace(remembered(OLD), instance="elsewhere")
    made = planned(world([KEEP], [seen(KEEP), seen(OLD)], [remembered(KEEP), theirs]))

    assert (made.is_empty, made.records) == (True, ())


def test_orphan_that_a_spec_refers_to_is_kept() -> None:
    web = wish("Domain/web", '<domain><nic mac="1" network="lan"/></domain>')
    made = planned(world([web], [seen(web), seen(LAN)], [remembered(web), remembered(LAN)]))

    assert held(made) == [("remove Network/lan", "PROTECTED")]
    assert made.held[0].detail == "Domain/web refers to it"


def test_orphan_that_an_unmanaged_object_refers_to_is_kept() -> None:
    theirs = replace(seen(OLD), key=Key("Domain", "theirs"), ownership_mark=None)
    here = orphaned(LAN, there=[seen(LAN), theirs], prune={"Network": Prune.CONFIRM})
    first = planned(here)

    assert held(first) == [("remove Network/lan", "PROTECTED")]
    assert done(planned(here, Overrides(approved=first.digest))) == []


def test_orphan_waits_for_the_confirmation_of_its_user() -> None:
    here = orphaned(OLD, LAN, prune={"Domain": Prune.CONFIRM})
    first = planned(here, limits=WIDE)

    assert held(first) == [("remove Domain/old", "PRUNE"), ("remove Network/lan", "PRUNE")]
    assert done(planned(here, Overrides(approved=first.digest))) == [
        "remove Domain/old",
        "remove Network/lan",
    ]


def test_volumes_in_a_pool_do_not_count_as_its_users() -> None:
    pool, volume = wish("StoragePool/p"), wish("Volume/p/v", '<volume pool="p"/>')
    here = orphaned(pool, there=[seen(pool), seen(volume)], prune={"StoragePool": Prune.AUTO})

    assert done(planned(here)) == ["remove StoragePool/p"]


def test_objects_with_the_highest_number_are_removed_first() -> None:
    many = [wish(f"Domain/web-{n}") for n in (1, 2, 9, 10, 11)]

    assert done(planned(orphaned(*many), limits=WIDE)) == [
        f"remove Domain/web-{n}" for n in (11, 10, 9, 2, 1)
    ]


def test_too_many_removals_at_once_are_all_held_until_approved() -> None:
    many = [wish(f"Domain/old{n}") for n in range(4)]
    here = orphaned(*many)
    first = planned(here)

    assert {h for _, h in held(first)} == {"BRAKE"}
    assert first.held[0].detail == "4 of 5 Domain objects would be removed; the limit for one pass is 1"
    assert len(planned(here, Overrides(approved=first.digest)).actions) == 4
    assert len(planned(here, limits=Limits(delete=Limit(1.0, 3))).held) == 4


def test_too_many_removals_of_one_kind_do_not_hold_removals_of_another_kind() -> None:
    volumes = [wish(f"Volume/p/old{n}", '<volume pool="p"/>') for n in range(12)]
    here = orphaned(*volumes, OLD, prune={"Volume": Prune.AUTO})

    made = planned(here)

    assert done(made) == ["remove Domain/old"]
    assert {(h.hold, h.detail) for h in made.held} == {
        (Hold.BRAKE, "12 of 12 Volume objects would be removed; the limit for one pass is 3")
    }
    assert len(planned(here, Overrides(approved=made.digest)).actions) == 13


def test_single_removals_of_several_kinds_over_their_shares_are_all_held() -> None:
    host = [wish("Domain/old"), LAN]
    here = world([wish("Domain/new")], [seen(o) for o in host], [remembered(o) for o in host])

    made = planned(here)

    why = "1 of 1 Domain objects and 1 of 1 Network objects would be removed; the limit for one pass is 1"
    assert {(str(h.action.key), h.detail) for h in made.held} == {("Domain/old", why), ("Network/lan", why)}
    assert {"remove Domain/old", "remove Network/lan"} <= set(done(planned(here, limits=WIDE)))


def test_removal_is_held_with_the_removals_of_its_users_over_the_limit() -> None:
    guests = [wish(f"Domain/old{n}", '<domain><nic mac="1" network="lan"/></domain>') for n in range(2)]
    here = orphaned(*guests, LAN)

    made = planned(here)

    assert held(made) == [(f"remove {key}", "BRAKE") for key in ("Domain/old1", "Domain/old0", "Network/lan")]
    assert made.held[-1].detail == "Domain/old0 refers to it and is not removed"
    assert made.held[-1].release == made.held[0].release
    assert len(planned(here, Overrides(approved=made.digest)).actions) == 3


def test_busy_orphan_counts_toward_the_limit() -> None:
    idle, busy = wish("Domain/idle"), wish("Domain/busy", '<domain><nic mac="1" network="lan"/></domain>')
    there = [seen(idle), replace(seen(busy), job="it is being started"), seen(LAN)]
    here = orphaned(idle, busy, LAN, there=there)

    assert held(planned(here, limits=Limits(delete=Limit(1.0, 1)))) == [
        ("remove Domain/busy", "BUSY"),
        ("remove Network/lan", "PROTECTED"),
        ("remove Domain/idle", "BRAKE"),
    ]
    assert done(planned(here, limits=WIDE)) == ["remove Domain/idle"]


def test_references_of_an_unknown_kind_do_not_hold_a_removal() -> None:
    strange = replace(seen(OLD), key=Key("Pod", "strange"))

    assert done(planned(orphaned(LAN, there=[seen(LAN), strange]))) == ["remove Network/lan"]


def test_reference_of_an_object_to_itself_does_not_hold_its_removal() -> None:
    narcissus = wish("Domain/old", '<domain><peer name="old"/></domain>')
    here = world([KEEP], [seen(KEEP), seen(narcissus)], [remembered(KEEP), remembered(wish("Domain/old"))])

    assert done(planned(here)) == ["remove Domain/old"]


@pytest.mark.parametrize("complete", [True, False])
def test_missing_specs_are_reported_as_missing_instead_of_invalid(*, complete: bool) -> None:
    made = planned(world([], [seen(OLD)], [remembered(OLD)], complete=complete))

    assert made.held[0].detail == "no spec was found or could be read"
    assert made.held[0].release.startswith("check the path of the specs")
