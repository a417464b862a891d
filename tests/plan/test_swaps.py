"""Disk changes from a volume with data to a new volume are held."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kvmreconcile.model import Actual, Apply, Content, Creation, Desired, Unknown, Unobservable, World
from kvmreconcile.plan import Limit, Limits, Overrides
from kvmreconcile.tree import Effect, to_xml
from tests.plan.worlds import RUNNING, done, held, planned, remembered, seen, wish, world

WIDE = Limits(delete=Limit(1.0, 10), replace=Limit(1.0, 10))
POOL = wish("StoragePool/p")


def volume(name: str, inside: str = "", **more: Any) -> Desired:
    path = f"<path>/p/{name}</path>"
    return wish(
        f"Volume/p/{name}",
        f'<volume pool="p">{path if not more.pop("new", False) else ""}{inside}</volume>',
        **more,
    )


def guest(name: str, *disks: str, **more: Any) -> Desired:
    inside = "".join(f'<disk dev="{dev}" {source}/>' for dev, _, source in (d.partition(" ") for d in disks))
    return wish(f"Domain/{name}", f"<domain>{inside}</domain>", **more)


OLD, NEW = volume("old"), volume("new", new=True)
ON_OLD, ON_NEW = 'a pool="p" volume="old"', 'a pool="p" volume="new"'
WAS = guest("web", ON_OLD)


def host(wanted: list[Desired], there: list[Actual | Unknown], **more: Any) -> World:
    known = [remembered(POOL), remembered(OLD), remembered(WAS)]
    return world([POOL, *wanted], [seen(POOL), seen(OLD), *there], more.pop("known", known), **more)


@pytest.mark.case("4c")
@pytest.mark.parametrize("content", [None, Content(Path("image"))])
def test_renamed_volume_is_held_and_its_guest_keeps_its_current_disk(content: Content | None) -> None:
    new = replace(NEW, creation=Creation(content=content))
    here = host([new, guest("web", ON_NEW)], [seen(WAS, live=to_xml(WAS.tree))])
    made = planned(here)

    assert done(made) == []
    assert held(made) == [
        ("create Volume/p/new", "EFFECT"),
        ("define Domain/web", "BROKEN"),
        ("remove Volume/p/old", "PROTECTED"),
    ]
    for each in made.held[:2]:
        assert (
            "Volume/p/old seems to be renamed to Volume/p/new; the disk a of Domain/web would be"
            in each.detail
        )
    assert "update.copyDisks" in made.held[0].release
    assert made.held[1].action.effect is Effect.DATA_LOSS
    assert "Volume/p/old" in made.held[1].action.notes[0]

    approved = planned(here, Overrides(approved=made.digest))
    assert done(approved) == ["create Volume/p/new", "define Domain/web"]


@pytest.mark.case("4c")
def test_disk_change_to_an_empty_volume_is_held_even_if_the_old_volume_is_kept() -> None:
    made = planned(host([OLD, NEW, guest("web", ON_NEW)], [seen(WAS)]))

    assert held(made) == [("create Volume/p/new", "EFFECT"), ("define Domain/web", "BROKEN")]
    assert (
        "the disk a of Domain/web would change from Volume/p/old, which has its data, to Volume/p/new"
        in made.held[0].detail
    )
    assert "create Volume/p/new as a copy of Volume/p/old" in made.held[0].release


def test_disk_change_to_a_volume_with_content_is_made() -> None:
    new = replace(NEW, creation=Creation(content=Content(Path("image"))))

    assert done(planned(host([OLD, new, guest("web", ON_NEW)], [seen(WAS)]))) == [
        "create Volume/p/new",
        "define Domain/web",
    ]


@pytest.mark.parametrize("wanted", [[], [OLD]])
def test_disk_change_to_an_overlay_on_the_old_volume_is_made(wanted: list[Desired]) -> None:
    new = volume("new", '<backing pool="p" volume="old"/>', new=True)

    made = planned(host([*wanted, new, guest("web", ON_NEW)], [seen(WAS)]))

    assert done(made) == ["create Volume/p/new", "define Domain/web"]


def test_disk_with_changed_target_is_matched_by_its_removed_volume() -> None:
    moved = guest("web", 'b pool="p" volume="new"')

    assert held(planned(host([NEW, moved], [seen(WAS)])))[0] == ("create Volume/p/new", "EFFECT")
    # If the old volume still has a spec, the disks are not matched: one is removed and one is added.
    assert done(planned(host([OLD, NEW, moved], [seen(WAS)]))) == ["create Volume/p/new", "define Domain/web"]


def test_disk_with_a_path_is_matched_with_the_removed_volume() -> None:
    was = guest("web", 'a file="/p/old"')
    here = host(
        [NEW, guest("web", ON_NEW)], [seen(was)], known=[remembered(POOL), remembered(OLD), remembered(was)]
    )

    assert "Volume/p/old seems to be renamed" in planned(here).held[0].detail


def test_disk_on_a_file_is_reported_by_its_path() -> None:
    was = guest("web", 'a file="/elsewhere"')
    here = host([NEW, guest("web", ON_NEW)], [seen(was)], known=[remembered(was), remembered(volume("gone"))])

    assert "would change from /elsewhere, which has its data" in planned(here).held[0].detail


def test_guest_is_started_with_its_current_disk_while_its_edit_is_held() -> None:
    made = planned(host([OLD, NEW, guest("web", ON_NEW, power=RUNNING)], [seen(WAS)]))

    assert done(made) == ["start Domain/web"]
    assert held(made) == [("create Volume/p/new", "EFFECT"), ("define Domain/web", "BROKEN")]


def test_additional_disk_is_no_data_loss() -> None:
    made = planned(host([OLD, NEW, guest("web", ON_OLD, 'b pool="p" volume="new"')], [seen(WAS)]))

    assert done(made) == ["create Volume/p/new", "define Domain/web"]


def test_new_guest_on_an_empty_volume_is_created() -> None:
    made = planned(host([OLD, NEW, guest("new", ON_NEW)], []))

    assert done(made) == ["create Volume/p/new", "create Domain/new"]


def test_disk_change_away_from_a_missing_volume_is_made() -> None:
    here = world(
        [POOL, NEW, guest("web", ON_NEW)],
        [seen(POOL), seen(WAS)],
        [remembered(POOL), remembered(WAS), remembered(OLD)],
    )

    assert done(planned(here)) == ["create Volume/p/new", "define Domain/web"]


def test_disk_change_with_a_copy_is_not_held() -> None:
    was = wish("Domain/web", f'<domain place="here"><disk dev="{ON_OLD[0]}" pool="p" volume="old"/></domain>')
    made = planned(host([OLD, NEW, guest("web", ON_OLD, copies=True)], [seen(was)]))

    assert "EFFECT" not in {why for _, why in held(made)}


@pytest.mark.parametrize("apply", [Apply.OBSERVE, Apply.CREATE_ONLY])
def test_volume_is_created_if_its_guest_is_not_edited(apply: Apply) -> None:
    made = planned(host([OLD, NEW, guest("web", ON_NEW, apply=apply)], [seen(WAS)]))

    assert "create Volume/p/new" in done(made)


def test_disk_change_is_made_if_the_guest_allows_data_loss() -> None:
    web = guest("web", ON_NEW, max_effect=Effect.DATA_LOSS)

    assert done(planned(host([OLD, NEW, web], [seen(WAS)]), limits=WIDE)) == [
        "create Volume/p/new",
        "define Domain/web",
    ]


def test_protected_guest_keeps_its_disk_despite_approval() -> None:
    here = host([OLD, NEW, guest("web", ON_NEW, protect=True)], [seen(WAS)])
    made = planned(here)

    assert held(made)[0] == ("create Volume/p/new", "PROTECTED")
    assert done(planned(here, Overrides(approved=made.digest))) == []


def test_volume_is_held_for_its_guest_even_if_selected_alone() -> None:
    here = host([OLD, NEW, guest("web", ON_NEW)], [seen(WAS)])

    made = planned(here, Overrides(only=frozenset({NEW.key})))

    assert (done(made), held(made)) == ([], [("create Volume/p/new", "EFFECT")])


@pytest.mark.parametrize(
    "hidden",
    [
        {"there": [Unknown(WAS.key, "timeout")]},
        {"there": [], "unobservable": (Unobservable("Domain/", "no daemon"),)},
    ],
)
def test_volume_is_held_for_an_unobservable_guest(hidden: dict[str, Any]) -> None:
    made = planned(host([OLD, NEW, guest("web", ON_NEW)], **hidden))

    assert ("create Volume/p/new", "EFFECT") in held(made)


def test_volume_is_created_despite_an_unrecorded_unobservable_guest() -> None:
    made = planned(
        host([OLD, NEW, guest("web", ON_NEW)], [Unknown(WAS.key, "timeout")], known=[remembered(OLD)])
    )

    assert "create Volume/p/new" in done(made)


def test_volume_of_an_interrupted_approved_change_is_not_held_again() -> None:
    unfinished = replace(remembered(NEW), complete=False)
    known = [remembered(POOL), remembered(OLD), remembered(WAS), unfinished]

    made = planned(host([OLD, NEW, guest("web", ON_NEW)], [seen(WAS)], known=known))

    assert done(made) == ["recreate Volume/p/new", "define Domain/web"]
