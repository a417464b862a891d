"""Edits that remove something are held until the specs have been unchanged for the settle time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kvmreconcile.model import Actual, Desired, FirstSeen, Hold, Key, Plan, Prune, World
from kvmreconcile.plan import Limits, Overrides
from kvmreconcile.plan.gates.settle import parts
from kvmreconcile.render import render_json, render_markdown, render_text
from kvmreconcile.tree import Change, Effect, Rules, parse, paths
from tests.plan.rendering import approval
from tests.plan.worlds import BOOKS, NOW, RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

BOTH = '<domain><disk dev="vda"/><disk dev="vdb"/></domain>'
CUT = '<domain><disk dev="vda"/></domain>'
WEB = Key("Domain", "web")


def said_for(age_s: float, *names: str, delivered: bool = False) -> FirstSeen:
    """Return that the given documents, or all if none is given, have been unchanged for a time."""
    since_s = {Key.read(name): 1000.0 - age_s for name in names}
    return FirstSeen(1000.0, since_s, 0.0 if names else 1000.0 - age_s, delivered)


def edited(now: str = CUT, before: str = BOTH, live: str | None = BOTH, **more: Any) -> World:
    """Return a world in which the spec of a guest with two disks was edited."""
    first_seen = more.pop("first_seen", said_for(4.0))
    was, is_now = wish("Domain/web", before, power=RUNNING), wish("Domain/web", now, power=RUNNING, **more)
    there = seen(was, live=live)
    return world([is_now], [there], [remembered(was)], first_seen=first_seen)


def orphan(age_s: float, *gone: Desired, **more: Any) -> Plan:
    """Return the plan for a world with one desired guest and the given objects without specs."""
    keep = wish("Domain/keep")
    there: list[Actual] = [seen(each) for each in (keep, *gone)]
    first_seen = more.pop("first_seen", said_for(age_s))
    known = [remembered(each) for each in (keep, *gone)]
    return planned(world([keep], there, known, first_seen=first_seen, **more))


@pytest.mark.case("8b")
def test_disk_just_removed_from_spec_stays_in_the_running_guest() -> None:
    made = planned(edited())

    assert done(made) == []
    assert held(made) == [("define Domain/web", "SETTLE"), ("detach Domain/web", "SETTLE")]
    assert {h.detail for h in made.held} == {
        "the spec is known to have been unchanged for 4 s; a removal or replacement needs 30 s"
    }
    assert {h.release for h in made.held} == {"wait, or approve this plan"}
    assert made.next_release == NOW + timedelta(seconds=26)
    assert made.is_settling


@pytest.mark.parametrize("age_s", [30.0, 31.0])
def test_disk_is_removed_when_the_spec_has_been_unchanged_for_settle_time(age_s: float) -> None:
    made = planned(edited(first_seen=said_for(age_s)))

    assert done(made) == ["define Domain/web", "detach Domain/web"]
    assert made.held == ()
    assert not made.is_settling


def test_settle_time_is_a_limit_of_the_host() -> None:
    assert held(planned(edited(), limits=Limits(settle_s=5.0)))
    assert not held(planned(edited(), limits=Limits(settle_s=4.0)))


@pytest.mark.case("8b")
def test_approved_plan_removes_the_disk_at_once() -> None:
    first = planned(edited())

    second = planned(edited(first_seen=said_for(5.0)), Overrides(approved=first.digest))

    assert first.digest == second.digest == planned(edited(first_seen=said_for(99.0))).digest
    assert done(second) == ["define Domain/web", "detach Domain/web"]
    assert second.held == ()


def test_additions_and_changes_do_not_wait_for_settle_time() -> None:
    added = planned(edited(BOTH, CUT, CUT))
    changed = planned(
        edited("<domain><memory>2</memory></domain>", "<domain><memory>1</memory></domain>", "<domain/>")
    )

    assert (done(added), added.held) == (["define Domain/web", "attach Domain/web"], ())
    assert "define Domain/web" in done(changed)
    assert changed.held == ()


def test_edit_with_a_removal_is_held_as_a_whole() -> None:
    more = '<domain><memory>2</memory><disk dev="vda"/></domain>'

    made = planned(edited(more, BOTH, BOTH))

    assert done(made) == []
    assert len(made.held) == len(planned(edited(more, first_seen=said_for(99.0))).actions)


def test_drift_is_corrected_without_settle_time() -> None:
    spec = wish("Domain/web", CUT, power=RUNNING)
    there = seen(spec, BOTH, live=BOTH)

    made = planned(world([spec], [there], [remembered(spec)], first_seen=said_for(0.0)))

    assert done(made) == ["define Domain/web", "detach Domain/web"]


def test_adoption_does_not_remove_devices_before_settle_time() -> None:
    spec = wish("Domain/web", CUT, adopt=True)
    there = replace(seen(spec, BOTH, live=BOTH), ownership_mark=None)

    made = planned(world([spec], [there], first_seen=said_for(0.0)))

    assert done(made) == []
    assert {reason for _, reason in held(made)} == {"SETTLE"}


def test_stopped_guest_is_edited_without_settle_time() -> None:
    was, now = wish("Domain/web", BOTH, power=STOPPED), wish("Domain/web", CUT, power=STOPPED)

    made = planned(world([now], [seen(was)], [remembered(was)], first_seen=said_for(0.0)))

    assert done(made) == ["define Domain/web"]


@pytest.mark.case("8b")
def test_inactive_guest_is_started_with_the_disk_just_removed_from_spec() -> None:
    made = planned(edited(live=None))

    assert done(made) == ["start Domain/web"]
    assert held(made) == [("define Domain/web", "SETTLE")]


def test_replacement_is_held_until_settle_time() -> None:
    one = "<domain><uuid>00000000-0000-4000-8000-00000000000{}</uuid></domain>"
    was = wish("Domain/web", one.format(1))
    now = wish("Domain/web", one.format(2), max_effect=Effect.REPLACE)
    there = replace(seen(was), uuid="00000000-0000-4000-8000-000000000001")
    known = replace(remembered(was), uuid=there.uuid)

    made = planned(world([now], [there], [known], first_seen=said_for(4.0)))

    assert ("replace Domain/web", "SETTLE") in held(made)


@pytest.mark.case("8a")
def test_object_whose_spec_was_just_deleted_is_kept() -> None:
    made = orphan(4.0, wish("Domain/old"))

    assert done(made) == []
    assert held(made) == [("remove Domain/old", "SETTLE")]
    assert (
        made.held[0].detail
        == "its spec is known to have been missing for 4 s; a removal or replacement needs 30 s"
    )
    assert made.held[0].until == NOW + timedelta(seconds=26)
    assert done(orphan(30.0, wish("Domain/old"))) == ["remove Domain/old"]


def test_object_whose_spec_was_just_deleted_is_removed_after_approval() -> None:
    old, keep = wish("Domain/old"), wish("Domain/keep")
    here = world(
        [keep], [seen(keep), seen(old)], [remembered(keep), remembered(old)], first_seen=said_for(4.0)
    )

    made = planned(here, Overrides(approved=planned(here).digest))

    assert (done(made), made.held) == (["remove Domain/old"], ())


def test_removal_that_needs_confirmation_is_not_held_by_settle() -> None:
    made = orphan(4.0, wish("Domain/old"), prune={"Domain": Prune.CONFIRM})

    assert held(made) == [("remove Domain/old", "PRUNE")]


@pytest.mark.case("8a")
def test_removal_waits_for_settle_time_of_dependents() -> None:
    pool = wish("StoragePool/pool")
    disk = wish("Volume/pool/disk", '<volume pool="pool"/>')
    guest = wish("Domain/old", '<domain><disk pool="pool" volume="pool/disk"/></domain>')
    guest = replace(guest, tree=parse('<domain><disk pool="pool" volume="disk"/></domain>'))
    fresh = FirstSeen(1000.0, {guest.key: 996.0})
    limits = Limits(delete=replace(Limits().delete, share=1.0))
    keep = wish("Domain/keep")
    objects = (keep, guest, disk, pool)
    here = world(
        [keep],
        [seen(o) for o in objects],
        [remembered(o) for o in objects],
        first_seen=fresh,
        prune={"StoragePool": Prune.AUTO},
    )

    made = planned(here, limits=limits)

    assert done(made) == []
    assert [reason for _, reason in held(made)] == ["SETTLE"] * 3
    assert done(planned(replace(here, first_seen=said_for(99.0)), limits=limits))[0] == "remove Domain/old"


def test_settle_time_for_a_commit_applies_only_to_removed_objects() -> None:
    commit = said_for(4.0, delivered=True)

    assert planned(edited(first_seen=commit)).held == ()
    assert held(orphan(4.0, wish("Domain/old"), first_seen=commit)) == [("remove Domain/old", "SETTLE")]


def test_settle_time_is_measured_for_each_object() -> None:
    was, now = wish("Domain/web", BOTH, power=RUNNING), wish("Domain/web", CUT, power=RUNNING)
    db, db_now = wish("Domain/db", BOTH, power=RUNNING), wish("Domain/db", CUT, power=RUNNING)
    there = [seen(was, live=BOTH), seen(db, live=BOTH)]

    made = planned(
        world([now, db_now], there, [remembered(was), remembered(db)], first_seen=said_for(4.0, "Domain/db"))
    )

    assert {key for key, _ in held(made)} == {"define Domain/db", "detach Domain/db"}
    assert {a.key for a in made.actions} == {WEB}


def test_age_of_a_spec_that_was_just_read_is_zero() -> None:
    assert FirstSeen().age_s(WEB) == 0.0
    assert FirstSeen(10.0, {WEB: 12.0}).age_s(WEB) == 0.0


@pytest.mark.case("8b")
def test_plan_describes_what_the_running_guest_loses() -> None:
    notes = {a.verb.name: a.notes for a in planned(edited(first_seen=said_for(99.0))).actions}
    waiting = [h.action.notes for h in planned(edited()).held]

    assert notes == {"define": (), "detach": ("it loses vdb of 1",)}
    assert waiting == [(), ("it loses vdb of 1",)]


def test_removal_of_a_part_without_description_has_no_note() -> None:
    nic = '<domain><nic mac="1"/></domain>'

    made = planned(edited("<domain/>", nic, nic))

    assert {reason for _, reason in held(made)} == {"SETTLE"}
    assert {h.action.notes for h in made.held} == {()}


def test_parts_are_found_only_in_a_removed_element() -> None:
    rules = Rules(parts=paths("ip/dhcp/host"))
    dhcp = parse("<dhcp><range/><host ip='1'/><host ip='2'/></dhcp>")
    steps = ("ip", "dhcp")

    assert [part.attr("ip") for _, part in parts(Change(steps, "ip/dhcp", dhcp, None), rules)] == ["1", "2"]
    assert list(parts(Change(steps, "ip/dhcp", None, dhcp), rules)) == []
    assert list(parts(Change(steps, "ip/dhcp", "text", None), rules)) == []
    assert list(parts(Change((), "", dhcp, None), rules)) == []
    assert Hold.SETTLE.value == "the specs are not known to have been unchanged for long enough"


@pytest.mark.case("8b")
def test_held_removal_shows_what_is_lost_and_how_to_release_the_hold() -> None:
    made, rules = planned(edited()), {name: book.rules for name, book in BOOKS.items()}
    renderers = (render_text, render_markdown, render_json)
    text, page, json = (render(made, rules, approve=approval(made)) for render in renderers)

    assert (
        "held: the specs are not known to have been unchanged for long enough (the spec is known to have been unchanged for 4 s; a removal or replacement needs 30 s)"
        in text
    )
    assert "    note: it loses vdb of 1\n" in text
    assert f"wait, or approve this plan; kvmreconcile apply --approve {made.digest}" in text
    assert "it loses vdb of 1; to release it: wait" in page
    assert '"hold": "settle"' in json
    assert '"it loses vdb of 1"' in json
