"""Data that was complete once and is gone: what may be created again, and what needs an approval."""

from dataclasses import replace
from pathlib import Path

import pytest

from kvmreconcile.model import (
    Action,
    Actual,
    Apply,
    Content,
    Creation,
    Desired,
    Hold,
    Key,
    Unknown,
    Unobservable,
    World,
)
from kvmreconcile.plan import Overrides
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, done, held, planned, remembered, seen, wish, world

POOL = wish("StoragePool/p", "<pool path='/srv'/>", power=RUNNING)
UP = seen(POOL, live="<pool path='/srv'/>")
ROOT = wish("Volume/p/root", "<volume pool='p'/>")
DATA = wish("Volume/p/data", "<volume pool='p'/>")
WEB = wish("Domain/web", "<domain><disk dev='vda' pool='p' volume='root'/></domain>")
IMAGE = replace(ROOT, creation=Creation(content=Content(Path("/images/root"))))


def gone(
    *wanted: Desired, there: tuple[Actual | Unknown, ...] = (), known: tuple[Desired, ...] = ()
) -> World:
    """Return a world with a pool, some volumes that are wanted, and what is there and remembered."""
    return world([POOL, *wanted], [UP, *there], [remembered(d) for d in (POOL, *known)])


def created(here: World, overrides: Overrides | None = None) -> list[Action]:
    return [a for a in planned(here, overrides).actions if a.verb.name == "create"]


@pytest.mark.case("1")
def test_volume_that_was_complete_and_is_gone_is_held_as_loss_of_data_until_approved() -> None:
    here = gone(ROOT, DATA, there=(seen(DATA),), known=(ROOT, DATA))

    made = planned(here)

    assert done(made) == []
    assert [(h.hold, h.action.effect, h.detail) for h in made.held] == [
        (Hold.MISSING, Effect.DATA_LOSS, "it no longer exists")
    ]
    assert made.held[0].release == ("restore it; or, to continue without its data, approve this plan")
    assert done(planned(here, Overrides(approved=made.digest))) == ["create Volume/p/root"]


@pytest.mark.case("1")
@pytest.mark.parametrize(
    "disk",
    [
        pytest.param("<disk dev='vda' pool='p' volume='root'/>", id="by name"),
        pytest.param("<disk dev='vda' file='/srv/root'/>", id="by path"),
    ],
)
@pytest.mark.parametrize("where", ["stored", "running"])
def test_volume_that_a_domain_names_was_complete_though_nothing_is_remembered(disk: str, where: str) -> None:
    other, xml = wish("Domain/other"), f"<domain>{disk}</domain>"
    guest = seen(other, xml) if where == "stored" else seen(other, live=xml)

    made = planned(gone(ROOT, DATA, there=(guest, seen(DATA)), known=(DATA,)))

    assert held(made) == [("create Volume/p/root", "MISSING")]
    assert made.held[0].detail == "it does not exist, and is used by Domain/other"


@pytest.mark.case("1")
def test_volume_below_another_is_held_and_both_are_named() -> None:
    overlay = wish("Volume/p/over", "<volume pool='p' base='/srv/root'/>")

    made = planned(gone(ROOT, overlay, there=(seen(overlay),), known=(ROOT, overlay)))

    assert made.held[0].detail == "it no longer exists, and is used by Volume/p/over"


@pytest.mark.case("2")
def test_volume_that_is_gone_together_with_what_it_is_built_on_is_said_to_be_missing_itself() -> None:
    overlay = wish("Volume/p/over", "<volume pool='p'><backing pool='p' volume='root'/></volume>")

    made = planned(gone(ROOT, overlay, DATA, there=(seen(DATA),), known=(ROOT, overlay, DATA)))

    assert held(made) == [("create Volume/p/root", "MISSING"), ("create Volume/p/over", "MISSING")]


def test_new_volume_is_created_in_the_plan_that_starts_a_pool_in_which_nothing_is_known_to_be() -> None:
    down = Unobservable("Volume/p/", "the storage pool p is not active", until=POOL.key)
    here = world([POOL, ROOT], [seen(POOL)], [remembered(POOL)], unobservable=(down,))

    assert done(planned(here)) == ["start StoragePool/p", "create Volume/p/root"]


def test_only_the_first_few_of_many_users_are_named() -> None:
    guests = [seen(wish(f"Domain/d{n}"), "<domain><disk file='/srv/root'/></domain>") for n in range(5)]

    made = planned(gone(ROOT, DATA, there=(*guests, seen(DATA)), known=(ROOT, DATA)))

    assert made.held[0].detail.endswith("is used by Domain/d0, Domain/d1, Domain/d2 and 2 more")


def test_volume_that_never_was_is_created() -> None:
    assert done(planned(gone(ROOT))) == ["create Volume/p/root"]


def test_volume_that_its_owner_removed_by_its_spec_is_created_again() -> None:
    assert done(planned(gone(ROOT, known=()))) == ["create Volume/p/root"]


def test_volume_whose_creation_was_interrupted_never_was_complete() -> None:
    guest = seen(wish("Domain/other"), "<domain><disk file='/srv/root'/></domain>")
    half = replace(remembered(ROOT), complete=False)
    here = world([POOL, ROOT], [UP, guest], [remembered(POOL), half])

    assert done(planned(here)) == ["recreate Volume/p/root"]


def test_unused_volume_with_content_from_its_spec_is_created_again() -> None:
    here = gone(IMAGE, DATA, there=(seen(DATA),), known=(IMAGE, DATA))
    assert [(a.verb.name, a.effect) for a in created(here)] == [("create", Effect.LIVE)]

    guest = seen(wish("Domain/other"), "<domain><disk file='/srv/root'/></domain>")
    used = gone(IMAGE, DATA, there=(seen(DATA), guest), known=(IMAGE, DATA))
    assert held(planned(used)) == [("create Volume/p/root", "MISSING")]


def test_spec_that_allows_loss_of_data_needs_no_approval() -> None:
    scratch = wish("Volume/p/root", "<volume pool='p'/>", max_effect=Effect.DATA_LOSS)

    assert [a.effect for a in created(gone(scratch, known=(scratch,)))] == [Effect.DATA_LOSS]


def test_protected_volume_is_not_created_again_even_with_approval() -> None:
    kept = wish("Volume/p/root", "<volume pool='p'/>", protect=True)
    here = gone(kept, known=(kept,))
    made = planned(here)

    assert 'take "protect: true" out of the spec and approve this plan' in made.held[0].release
    assert held(planned(here, Overrides(approved=made.digest))) == [("create Volume/p/root", "PROTECTED")]


def test_volume_that_is_only_observed_is_held_for_that() -> None:
    watched = wish("Volume/p/root", "<volume pool='p'/>", apply=Apply.OBSERVE)

    assert held(planned(gone(watched, known=(watched,)))) == [("create Volume/p/root", "OBSERVE")]


@pytest.mark.case("2")
def test_pool_of_which_everything_is_gone_is_asked_about_and_gets_nothing_new() -> None:
    new = wish("Volume/p/new", "<volume pool='p'/>")
    made = planned(gone(ROOT, DATA, new, IMAGE, known=(ROOT, DATA)))

    question = "none of the 2 Volume objects that should already exist in StoragePool/p exists; check that the pool's storage is available (file system mounted, device connected)"
    assert {str(h.action.key): h.detail for h in made.held} == {
        "Volume/p/data": f"it no longer exists; {question}",
        "Volume/p/new": question,
        "Volume/p/root": f"it no longer exists; {question}",
    }
    assert {h.hold for h in made.held} == {Hold.MISSING}
    release = {str(h.action.key): h.release for h in made.held}
    assert release["Volume/p/new"] == "make the missing data available again, or approve this plan"


@pytest.mark.case("2")
def test_only_volume_of_a_pool_is_asked_about_too() -> None:
    made = planned(gone(ROOT, known=(ROOT,)))

    assert made.held[0].detail == (
        "it no longer exists; the only Volume that should already exist in StoragePool/p does not exist; check that the pool's storage is available (file system mounted, device connected)"
    )


@pytest.mark.case("2")
def test_partly_lost_pool_shows_how_many_volumes_are_missing() -> None:
    left = [wish(f"Volume/p/v{n}", "<volume pool='p'/>") for n in range(3)]
    new = wish("Volume/p/new", "<volume pool='p'/>")
    made = planned(gone(ROOT, DATA, new, *left, there=tuple(map(seen, left)), known=(ROOT, DATA, *left)))

    assert done(made) == ["create Volume/p/new"]
    assert (
        made.held[0].detail
        == "it no longer exists; 2 of the 5 Volume objects that should already exist in StoragePool/p do not exist"
    )


def test_pool_of_which_only_images_are_gone_gets_them_again_within_the_limit() -> None:
    assert [str(a.key) for a in created(gone(IMAGE, known=(IMAGE,)))] == ["Volume/p/root"]


def test_store_that_is_no_object_is_named_all_the_same() -> None:
    loose = wish("Volume/p/root")
    made = planned(world([loose], [], [remembered(loose)]))

    assert "the only Volume that should already exist in p does not exist" in made.held[0].detail


def test_volume_that_no_spec_asks_for_any_more_does_not_count() -> None:
    new = wish("Volume/p/new", "<volume pool='p'/>")

    assert done(planned(gone(new, known=(ROOT, DATA)))) == ["create Volume/p/new"]


@pytest.mark.case("2")
def test_nothing_is_created_in_a_pool_with_data_before_it_is_observed() -> None:
    """The state may have been lost as well, so that only a guest shows the data in it."""
    down = Unobservable("Volume/p/", "the storage pool p is not active", until=POOL.key)
    guest = seen(wish("Domain/other"), "<domain><disk file='/srv/root'/></domain>")
    new = wish("Volume/p/new", "<volume pool='p'/>")
    here = world([POOL, ROOT, new], [seen(POOL), guest], [remembered(POOL)], unobservable=(down,))

    made = planned(here)
    assert done(made) == ["start StoragePool/p"]
    assert held(made) == [("create Volume/p/new", "UNKNOWN")]


def test_unknown_volume_is_not_lost() -> None:
    lost = Unknown(Key("Volume", "p/root"), "I/O error")

    assert held(planned(gone(ROOT, DATA, there=(lost, seen(DATA)), known=(ROOT, DATA)))) == [
        ("define Volume/p/root", "UNKNOWN")
    ]


def test_other_pools_and_other_kinds_say_nothing_of_a_pool() -> None:
    other = wish("Volume/q/x", "<volume pool='q'/>")
    web = wish("Domain/web")
    here = gone(ROOT, DATA, web, other, there=(seen(DATA),), known=(ROOT, DATA, web, other))

    details = {str(h.action.key): h.detail for h in planned(here).held}
    assert details["Volume/p/root"] == "it no longer exists"


def test_volumes_of_a_pool_that_cannot_be_seen_are_not_counted_as_gone() -> None:
    down = Unobservable("Volume/q/", "the storage pool q is not active", until=Key("StoragePool", "q"))
    other = wish("Volume/q/x", "<volume pool='q'/>")
    here = world([POOL, ROOT, other], [UP], [remembered(d) for d in (POOL, other)], unobservable=(down,))

    assert done(planned(here)) == ["create Volume/p/root"]


def test_pool_that_has_other_volumes_is_not_taken_for_unmounted() -> None:
    made = planned(gone(ROOT, there=(seen(wish("Volume/p/x", "<volume pool='p'/>")),), known=(ROOT,)))

    assert made.held[0].detail == (
        "it no longer exists; the only Volume that should already exist in StoragePool/p does not exist; other Volume objects exist there"
    )


def test_volume_that_its_spec_fills_is_released_by_approval_alone() -> None:
    image = replace(IMAGE, policy=replace(IMAGE.policy, protect=True))

    release = {str(h.action.key): h.release for h in planned(gone(image, DATA, known=(ROOT, DATA))).held}

    assert release["Volume/p/root"] == (
        "make the missing data available again, or approve this plan, which creates it again from its source"
    )
