"""Missing volumes that had data: they are created again, with or without an approval."""

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
    """Return a world with a pool, some desired volumes, and the actual and recorded objects."""
    return world([POOL, *wanted], [UP, *there], [remembered(d) for d in (POOL, *known)])


def created(here: World, overrides: Overrides | None = None) -> list[Action]:
    return [a for a in planned(here, overrides).actions if a.verb.name == "create"]


@pytest.mark.case("1")
def test_missing_volume_that_was_complete_is_held_as_data_loss_until_approved() -> None:
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
def test_missing_volume_used_by_a_domain_is_held_without_a_state_record(disk: str, where: str) -> None:
    other, xml = wish("Domain/other"), f"<domain>{disk}</domain>"
    guest = seen(other, xml) if where == "stored" else seen(other, live=xml)

    made = planned(gone(ROOT, DATA, there=(guest, seen(DATA)), known=(DATA,)))

    assert held(made) == [("create Volume/p/root", "MISSING")]
    assert made.held[0].detail == "it does not exist, and is used by Domain/other"


@pytest.mark.case("1")
def test_missing_backing_volume_is_held_and_its_overlay_is_named() -> None:
    overlay = wish("Volume/p/over", "<volume pool='p' base='/srv/root'/>")

    made = planned(gone(ROOT, overlay, there=(seen(overlay),), known=(ROOT, overlay)))

    assert made.held[0].detail == "it no longer exists, and is used by Volume/p/over"


@pytest.mark.case("2")
def test_missing_volume_and_its_missing_backing_volume_are_both_held() -> None:
    overlay = wish("Volume/p/over", "<volume pool='p'><backing pool='p' volume='root'/></volume>")

    made = planned(gone(ROOT, overlay, DATA, there=(seen(DATA),), known=(ROOT, overlay, DATA)))

    assert held(made) == [("create Volume/p/root", "MISSING"), ("create Volume/p/over", "MISSING")]


def test_new_volume_is_created_after_the_start_of_a_pool_without_known_data() -> None:
    down = Unobservable("Volume/p/", "the storage pool p is not active", until=POOL.key)
    here = world([POOL, ROOT], [seen(POOL)], [remembered(POOL)], unobservable=(down,))

    assert done(planned(here)) == ["start StoragePool/p", "create Volume/p/root"]


def test_message_names_only_a_few_users_of_a_missing_volume() -> None:
    guests = [seen(wish(f"Domain/d{n}"), "<domain><disk file='/srv/root'/></domain>") for n in range(5)]

    made = planned(gone(ROOT, DATA, there=(*guests, seen(DATA)), known=(ROOT, DATA)))

    assert made.held[0].detail.endswith("is used by Domain/d0, Domain/d1, Domain/d2 and 2 more")


def test_volume_that_never_existed_is_created() -> None:
    assert done(planned(gone(ROOT))) == ["create Volume/p/root"]


def test_volume_removed_because_of_its_spec_is_created_again() -> None:
    assert done(planned(gone(ROOT, known=()))) == ["create Volume/p/root"]


def test_missing_volume_is_created_after_an_interrupted_creation() -> None:
    guest = seen(wish("Domain/other"), "<domain><disk file='/srv/root'/></domain>")
    half = replace(remembered(ROOT), complete=False)
    here = world([POOL, ROOT], [UP, guest], [remembered(POOL), half])

    assert done(planned(here)) == ["recreate Volume/p/root"]


def test_unused_volume_with_content_in_its_spec_is_created_again() -> None:
    here = gone(IMAGE, DATA, there=(seen(DATA),), known=(IMAGE, DATA))
    assert [(a.verb.name, a.effect) for a in created(here)] == [("create", Effect.LIVE)]

    guest = seen(wish("Domain/other"), "<domain><disk file='/srv/root'/></domain>")
    used = gone(IMAGE, DATA, there=(seen(DATA), guest), known=(IMAGE, DATA))
    assert held(planned(used)) == [("create Volume/p/root", "MISSING")]


def test_missing_volume_is_created_without_approval_if_its_spec_allows_data_loss() -> None:
    scratch = wish("Volume/p/root", "<volume pool='p'/>", max_effect=Effect.DATA_LOSS)

    assert [a.effect for a in created(gone(scratch, known=(scratch,)))] == [Effect.DATA_LOSS]


def test_protected_volume_is_not_created_again_even_with_approval() -> None:
    kept = wish("Volume/p/root", "<volume pool='p'/>", protect=True)
    here = gone(kept, known=(kept,))
    made = planned(here)

    assert 'take "protect: true" out of the spec and approve this plan' in made.held[0].release
    assert held(planned(here, Overrides(approved=made.digest))) == [("create Volume/p/root", "PROTECTED")]


def test_missing_volume_with_apply_observe_is_held_as_observed() -> None:
    watched = wish("Volume/p/root", "<volume pool='p'/>", apply=Apply.OBSERVE)

    assert held(planned(gone(watched, known=(watched,)))) == [("create Volume/p/root", "OBSERVE")]


@pytest.mark.case("2")
def test_no_volume_is_created_in_a_pool_that_lost_all_its_volumes() -> None:
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
def test_advice_for_the_missing_only_volume_of_a_pool_is_to_check_the_storage() -> None:
    made = planned(gone(ROOT, known=(ROOT,)))

    assert made.held[0].detail == (
        "it no longer exists; the only Volume that should already exist in StoragePool/p does not exist; check that the pool's storage is available (file system mounted, device connected)"
    )


@pytest.mark.case("2")
def test_message_about_a_partly_lost_pool_counts_the_missing_volumes() -> None:
    left = [wish(f"Volume/p/v{n}", "<volume pool='p'/>") for n in range(3)]
    new = wish("Volume/p/new", "<volume pool='p'/>")
    made = planned(gone(ROOT, DATA, new, *left, there=tuple(map(seen, left)), known=(ROOT, DATA, *left)))

    assert done(made) == ["create Volume/p/new"]
    assert (
        made.held[0].detail
        == "it no longer exists; 2 of the 5 Volume objects that should already exist in StoragePool/p do not exist"
    )


def test_missing_image_volumes_are_created_again_within_the_limit() -> None:
    assert [str(a.key) for a in created(gone(IMAGE, known=(IMAGE,)))] == ["Volume/p/root"]


def test_missing_pool_is_named_in_the_message() -> None:
    loose = wish("Volume/p/root")
    made = planned(world([loose], [], [remembered(loose)]))

    assert "the only Volume that should already exist in p does not exist" in made.held[0].detail


def test_volumes_without_a_spec_do_not_count_as_lost() -> None:
    new = wish("Volume/p/new", "<volume pool='p'/>")

    assert done(planned(gone(new, known=(ROOT, DATA)))) == ["create Volume/p/new"]


@pytest.mark.case("2")
def test_nothing_is_created_in_a_pool_with_data_before_it_is_observed() -> None:
    """After a loss of the state, only the disk of a guest shows that the pool has data."""
    down = Unobservable("Volume/p/", "the storage pool p is not active", until=POOL.key)
    guest = seen(wish("Domain/other"), "<domain><disk file='/srv/root'/></domain>")
    new = wish("Volume/p/new", "<volume pool='p'/>")
    here = world([POOL, ROOT, new], [seen(POOL), guest], [remembered(POOL)], unobservable=(down,))

    made = planned(here)
    assert done(made) == ["start StoragePool/p"]
    assert held(made) == [("create Volume/p/new", "UNKNOWN")]


def test_unobservable_volume_is_not_reported_as_lost() -> None:
    lost = Unknown(Key("Volume", "p/root"), "I/O error")

    assert held(planned(gone(ROOT, DATA, there=(lost, seen(DATA)), known=(ROOT, DATA)))) == [
        ("define Volume/p/root", "UNKNOWN")
    ]


def test_objects_outside_a_pool_do_not_count_for_its_losses() -> None:
    other = wish("Volume/q/x", "<volume pool='q'/>")
    web = wish("Domain/web")
    here = gone(ROOT, DATA, web, other, there=(seen(DATA),), known=(ROOT, DATA, web, other))

    details = {str(h.action.key): h.detail for h in planned(here).held}
    assert details["Volume/p/root"] == "it no longer exists"


def test_volumes_of_an_unobservable_pool_do_not_count_as_lost() -> None:
    down = Unobservable("Volume/q/", "the storage pool q is not active", until=Key("StoragePool", "q"))
    other = wish("Volume/q/x", "<volume pool='q'/>")
    here = world([POOL, ROOT, other], [UP], [remembered(d) for d in (POOL, other)], unobservable=(down,))

    assert done(planned(here)) == ["create Volume/p/root"]


def test_message_about_a_lost_volume_mentions_other_volumes_in_its_pool() -> None:
    made = planned(gone(ROOT, there=(seen(wish("Volume/p/x", "<volume pool='p'/>")),), known=(ROOT,)))

    assert made.held[0].detail == (
        "it no longer exists; the only Volume that should already exist in StoragePool/p does not exist; other Volume objects exist there"
    )


def test_approval_releases_a_protected_volume_with_content_in_its_spec() -> None:
    image = replace(IMAGE, policy=replace(IMAGE.policy, protect=True))

    release = {str(h.action.key): h.release for h in planned(gone(image, DATA, known=(ROOT, DATA))).held}

    assert release["Volume/p/root"] == (
        "make the missing data available again, or approve this plan, which creates it again from its source"
    )
