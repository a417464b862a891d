"""Edits of a pool's path are held until the volumes in the old path are moved, or the plan is approved."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Actual, Apply, Unknown, Unobservable
from kvmreconcile.plan import Overrides
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, done, held, planned, remembered, seen, wish, world

OLD = "<pool path='/old'/>"
NEW = "<pool path='/new'/>"
WAS = wish("StoragePool/p", OLD, power=RUNNING)
POOL = wish("StoragePool/p", NEW, power=RUNNING, max_effect=Effect.RESTART)
ROOT = wish("Volume/p/root", "<volume pool='p'/>")
DOWN = Unobservable("Volume/p/", "the storage pool p is not active", until=POOL.key)
UP = seen(WAS, live=OLD)
KNOWN = [remembered(WAS), remembered(ROOT)]


@pytest.mark.case("4b")
def test_path_edit_of_a_pool_with_volumes_is_held_until_approved() -> None:
    here = world([POOL, ROOT], [UP, seen(ROOT)], KNOWN)
    made = planned(here)

    assert done(made) == []
    assert held(made) == [("define StoragePool/p", "LEFT_BEHIND"), ("restart StoragePool/p", "LEFT_BEHIND")]
    assert made.held[0].detail == (
        "1 Volume object is in /old, and would not be moved to /new: Volume/p/root"
    )
    assert made.held[0].release.startswith("move the data to the new location, or approve this plan")
    assert made.pending == {}
    assert done(planned(here, Overrides(approved=made.digest))) == [
        "define StoragePool/p",
        "restart StoragePool/p",
    ]


@pytest.mark.case("4b")
def test_path_edit_is_held_for_unrecorded_and_unobservable_volumes() -> None:
    other = seen(wish("Volume/p/other"))
    made = planned(world([POOL], [UP, other, Unknown(ROOT.key, "I/O error")], KNOWN[:1]))

    assert "2 Volume objects are in /old, and would not be moved to /new" in made.held[0].detail


@pytest.mark.case("4b")
def test_path_edit_of_an_inactive_pool_is_held_for_its_recorded_volumes() -> None:
    made = planned(world([POOL, ROOT], [seen(WAS)], KNOWN, unobservable=(DOWN,)))

    assert done(made) == []
    assert ("define StoragePool/p", "LEFT_BEHIND") in held(made)
    assert ("start StoragePool/p", "LEFT_BEHIND") in held(made)


@pytest.mark.case("4b")
def test_restart_that_would_apply_a_pending_path_edit_is_held() -> None:
    stored = seen(POOL, live=OLD)
    made = planned(
        world([replace(POOL, autostart=True), ROOT], [replace(stored, autostart=False), seen(ROOT)], KNOWN)
    )

    assert done(made) == ["autostart StoragePool/p"]
    assert held(made) == [("restart StoragePool/p", "LEFT_BEHIND")]


@pytest.mark.case("4b")
@pytest.mark.parametrize(
    ("actual", "there"),
    [
        pytest.param(UP, [], id="its volumes are not in the old place any more"),
        pytest.param(seen(WAS, OLD, live=NEW), [seen(ROOT)], id="it is in use where it is to be"),
    ],
)
def test_path_edit_is_made_when_no_volume_is_left_behind(actual: Actual, there: list[Actual]) -> None:
    made = planned(world([POOL, ROOT], [actual, *there], [remembered(WAS), remembered(ROOT)]))

    assert done(made)[0] == "define StoragePool/p"
    assert "LEFT_BEHIND" not in {hold for _, hold in held(made)}


def test_path_edit_of_a_pool_with_apply_observe_is_held_as_observed() -> None:
    watched = wish("StoragePool/p", NEW, apply=Apply.OBSERVE)

    assert {hold for _, hold in held(planned(world([watched], [UP, seen(ROOT)], KNOWN)))} == {"OBSERVE"}


def test_objects_outside_the_pool_do_not_hold_its_path_edit() -> None:
    near = [seen(wish("Volume/pp/root")), seen(wish("Network/p"))]

    assert done(planned(world([POOL], [UP, *near], KNOWN[:1])))[0] == "define StoragePool/p"
