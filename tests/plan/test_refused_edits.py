"""Edits that libvirt refused are undone, recorded and held, and all other steps are planned."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kvmreconcile.model import Actual, Applied, Desired, FirstSeen, Key, Probation, Refusal, StoredEdit, World
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.compare.refused_parts import with_refused_parts, without_refused
from kvmreconcile.plan.gates.refused_edits import (
    Storing,
    add_refusal,
    digest_of_edit,
    is_in_force,
    still_refused,
)
from kvmreconcile.plan.probation import digest_with_readiness, is_rolled_back
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Change, Effect, diff, make, parse
from tests.plan.worlds import BOOKS, NOW, RUNNING, done, held, planned, remembered, seen, wish, world

DOMAINS, VOLUMES = BOOKS["Domain"], BOOKS["Volume"]
WHY = "Domain/web: unsupported configuration"
BEFORE = '<domain><memory>1</memory><nic mac="1"/></domain>'
AFTER = '<domain><memory>2</memory><nic mac="1" link="down"/></domain>'
LINK = ("nic[1]", "@link")
MEMORY = Change(("memory",), "memory", "1", "2")
CHANGES = (MEMORY, Change(LINK, "nic/@link", None, "down"))
"""What the edit stores."""


def guest(xml: str = AFTER, **more: Any) -> Desired:
    return wish("Domain/web", xml, power=RUNNING, **more)


def edit(wanted: Desired, *parts: tuple[str, ...], **more: Any) -> StoredEdit:
    """Return the stored edit of a guest with some refused parts."""
    refused = tuple(Refusal((part,), part[:1], WHY) for part in parts)
    known = {"changes": CHANGES, "refused": refused, "software": "9.0", **more}
    return StoredEdit(digest_of_edit(wanted, DOMAINS), **known)


def of(
    wanted: Desired,
    actual: Actual,
    known: Applied | None = None,
    stored: StoredEdit | None = None,
    **more: Any,
) -> World:
    edits = {wanted.key: stored} if stored else {}
    applied = [known or remembered(wanted, digest="", runtime_id=1)]
    return world([wanted], [actual], applied, edits=edits, **{"software": "9.0", **more})


def runs(wanted: Desired, stored: str = AFTER, live: str = BEFORE, **more: Any) -> Actual:
    return seen(wanted, stored, live=live, **more)


def settled(wanted: Desired, *parts: tuple[str, ...]) -> Applied:
    """Return the applied record after everything except the refused parts was applied."""
    world_ = of(wanted, runs(wanted), stored=edit(wanted, *parts))
    kept = planned(world_).instead[wanted.key]
    return remembered(kept, runtime_id=1)


@pytest.mark.case("12b")
def test_refused_part_is_undone_and_the_rest_of_the_edit_continues() -> None:
    web = guest(max_effect=Effect.NEXT_BOOT)
    made = planned(of(web, runs(web), stored=edit(web, LINK)))

    assert done(made) == ["define Domain/web", "set-memory Domain/web"]
    assert [(c.path, c.old, c.new) for c in made.actions[0].changes] == [("nic[1]/@link", "down", None)]
    assert [a.reason.name for a in made.actions] == ["ROLLBACK", "EDIT"]
    assert made.rollback_part.actions == made.actions
    assert held(made) == [("define Domain/web", "REFUSED")]
    assert (made.held[0].detail, made.held[0].until) == (WHY, None)


@pytest.mark.case("12b")
def test_refused_part_is_undone_while_the_rest_of_the_edit_waits_for_settle_time() -> None:
    disks = '<domain><disk dev="a"/><disk dev="b"/></domain>'
    web = guest('<domain><nic mac="1" link="down"/><disk dev="a"/></domain>')
    stored = '<domain><nic mac="1" link="down"/><disk dev="a"/></domain>'
    live = disks.replace("<domain>", '<domain><nic mac="1"/>')
    made = planned(
        of(web, runs(web, stored, live), stored=edit(web, LINK), first_seen=FirstSeen(1000.0, rest_s=996.0))
    )

    assert done(made) == ["define Domain/web"]
    assert made.actions[0].reason.name == "ROLLBACK"
    assert ("detach Domain/web", "SETTLE") in held(made)


@pytest.mark.case("12b")
def test_refused_change_is_held_with_its_reason_until_approved() -> None:
    web = guest()
    half = AFTER.replace(' link="down"', "")
    there = of(web, runs(web, half, half), settled(web, LINK), edit(web, LINK, changes=()))
    made = planned(there)

    assert done(made) == []
    assert held(made) == [("define Domain/web", "REFUSED"), ("update Domain/web", "REFUSED")]
    assert {h.detail for h in made.held} == {WHY}
    assert made.in_sync == ()
    assert not made.records

    again = planned(there, Overrides(approved=made.digest))
    assert done(again) == ["define Domain/web", "update Domain/web"]
    assert again.instead == {}


def test_temporary_refusal_is_held_until_its_retry_time() -> None:
    web = guest()
    half = AFTER.replace(' link="down"', "")
    until = NOW + timedelta(seconds=5)
    passing = replace(edit(web, LINK, changes=()).refused[0], until=until)
    there = of(web, runs(web, half, half), settled(web, LINK), edit(web, changes=(), refused=(passing,)))

    made = planned(there)
    assert {h.until for h in made.held} == {until}
    assert made.next_release == until
    assert "a later pass retries the edit" in made.held[0].release

    for moment in (until, until - timedelta(days=1)):
        assert done(planned(replace(there, now=moment))) == ["define Domain/web", "update Domain/web"]


def test_permanent_refusal_has_precedence_over_a_temporary_refusal() -> None:
    web = guest()
    lasts, passing = edit(web, LINK, ("memory",)).refused
    passing = replace(passing, until=NOW + timedelta(seconds=5), why="later")
    stored = edit(web, refused=(lasts, passing))
    made = planned(of(web, runs(web, BEFORE), settled(web, LINK, ("memory",)), stored))

    reported = {h.action.verb.name: (h.detail, h.until) for h in made.held}
    assert reported == {
        "define": (f"{WHY}; later", None),
        "update": (WHY, None),
        "set-memory": ("later", passing.until),
    }


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"software": "10.0"}, id="another libvirt or QEMU"),
        pytest.param({"xml": AFTER.replace("2", "3")}, id="another spec"),
        pytest.param({"interrupts": True}, id="another way to bring it into force"),
    ],
)
def test_refused_edit_is_retried_after_relevant_changes(more: dict[str, Any]) -> None:
    software = more.pop("software", "9.0")
    web = guest(**more)
    made = planned(of(web, runs(web, BEFORE), stored=edit(guest(), LINK), software=software))

    assert done(made) == ["define Domain/web", "set-memory Domain/web", "update Domain/web"]
    assert held(made) == []


@pytest.mark.parametrize("software", ["", "9.0"])
def test_unknown_version_does_not_release_a_refused_edit(software: str) -> None:
    web = guest()
    stored = edit(web, LINK, software="9.0" if software == "" else "")
    made = planned(of(web, runs(web), stored=stored, software=software))

    assert held(made) == [("define Domain/web", "REFUSED")]


def test_change_of_a_refused_part_by_another_tool_is_kept() -> None:
    web = guest()
    theirs = AFTER.replace("down", "up")
    made = planned(of(web, runs(web, theirs), stored=edit(web, LINK)))

    assert done(made) == ["set-memory Domain/web"]


def test_refused_edit_that_another_tool_made_is_completed() -> None:
    web = guest()
    stored = edit(web, LINK, changes=())
    made = planned(of(web, runs(web, AFTER, AFTER), settled(web, LINK), stored))

    assert made.is_empty
    assert made.records == (web.key,)
    assert made.instead == {}


def test_stored_edit_is_completed_by_the_next_start() -> None:
    web = guest()
    pending = of(web, runs(web, live=AFTER.replace("2", "7")), remembered(web, runtime_id=1), edit(web))

    assert not planned(pending).records
    there = of(web, runs(web, live=AFTER), remembered(web, runtime_id=1), edit(web))
    assert planned(there).records == (web.key,)
    off = of(web, seen(web, AFTER), remembered(web), edit(web))
    assert not planned(off).records
    gone = replace(there, observed=replace(there.observed, objects={}))
    assert not planned(gone).records


def test_edit_of_an_object_without_spec_or_known_kind_is_not_undone() -> None:
    web = guest()
    there = of(web, runs(web), stored=edit(web, LINK))
    mirror = Key("Mirror", "m")

    assert planned(replace(there, desired={})).instead == {}
    assert planned(world(edits={mirror: edit(web)}, frozen=frozenset({mirror}))).is_empty


def test_failed_probation_is_rolled_back_before_refused_edits() -> None:
    web = guest(rollback=True)
    probation = Probation(digest_with_readiness(web, DOMAINS), parse(BEFORE), failed="it is silent")
    made = planned(
        of(
            web,
            runs(web, BEFORE, BEFORE),
            remembered(guest(BEFORE, rollback=True), runtime_id=1),
            edit(web, LINK),
            probations={web.key: probation},
        )
    )

    assert {h.hold.name for h in made.held} == {"TAKEN_BACK"}
    assert is_rolled_back(web.key, world([web], probations={web.key: probation}), BOOKS)
    assert not is_rolled_back(web.key, world([web]), BOOKS)


def test_volume_that_cannot_be_resized_is_held() -> None:
    root = wish("Volume/p/root", "<volume><capacity>2</capacity></volume>")
    there = seen(root, "<volume><capacity>1</capacity></volume>")
    refused = (Refusal((("capacity",),), ("capacity",), WHY),)
    stored = StoredEdit(digest_of_edit(root, VOLUMES), refused=refused)
    made = planned(world([root], [there], [remembered(root)], edits={root.key: stored}))

    assert done(made) == []
    assert held(made) == [("resize Volume/p/root", "REFUSED")]
    kept = made.instead[root.key]
    assert is_in_force(kept, there, remembered(root), VOLUMES)


def test_applied_record_contains_the_refused_parts() -> None:
    web = guest()
    kept = planned(of(web, runs(web), stored=edit(web, LINK))).instead[web.key]

    assert digest(kept, DOMAINS.rules) != digest(web, DOMAINS.rules)
    assert digest_of_edit(kept, DOMAINS) == digest_of_edit(web, DOMAINS)


def test_device_whose_removal_was_refused_stays_in_the_applied_spec() -> None:
    was = parse('<domain><disk dev="a"/><disk dev="b"/></domain>')
    web = guest('<domain><disk dev="b"/></domain>')
    stored = edit(web, ("disk[a]",), changes=())
    kept = planned(of(web, runs(web, live="<domain/>"), stored=stored)).instead[web.key]

    assert with_refused_parts(web.tree, was, kept, DOMAINS.rules) == parse(
        '<domain><disk dev="b"/><disk dev="a"/></domain>'
    )
    assert with_refused_parts(was, web.tree, kept, DOMAINS.rules) is was
    assert with_refused_parts(web.tree, was, web, DOMAINS.rules) is web.tree


# Records from before and after a definition is stored.


def storing(stored: str, live: str | None, wanted: Desired | None = None) -> Storing:
    web = wanted or guest()
    return Storing(web, seen(web, stored, live=live), DOMAINS)


def whole(xml: str) -> Any:
    """Return a definition with the common elements and the given ones."""
    return seen(guest(), xml).tree


def test_rollback_contains_the_changes_of_the_edit() -> None:
    begun = storing(BEFORE, BEFORE).before(None, whole(AFTER))

    assert begun == StoredEdit(digest_of_edit(guest(), DOMAINS), CHANGES)


def test_rollback_of_a_second_edit_restores_the_state_before_the_first() -> None:
    second = guest(AFTER.replace("2", "3"))
    first = StoredEdit(digest_of_edit(guest(), DOMAINS), CHANGES, refused=(Refusal((LINK,), (), WHY),))
    begun = storing(AFTER, BEFORE, second).before(first, whole(AFTER.replace("2", "3")))

    assert begun.edit == digest_of_edit(second, DOMAINS)
    assert begun.refused == ()
    assert set(begun.changes) == {*CHANGES, replace(MEMORY, new="3")}
    ended = storing(AFTER, BEFORE, second).after(begun, whole(AFTER.replace("2", "3")))
    assert set(ended.changes) == {CHANGES[1], replace(MEMORY, new="3")}


def test_rollback_is_unchanged_if_the_edit_is_stored_again() -> None:
    first = edit(guest(), LINK)

    assert storing(AFTER, BEFORE).before(first, whole(AFTER)) == first


def test_change_by_another_tool_between_two_edits_is_not_undone() -> None:
    theirs = AFTER.replace("2", "5")
    begun = storing(theirs, BEFORE).before(StoredEdit("first", CHANGES), whole(AFTER))
    ended = storing(theirs, BEFORE).after(begun, whole(AFTER))

    assert replace(MEMORY, old="5") in ended.changes


def test_additions_by_libvirt_are_recorded_separately_and_undone_unless_in_use() -> None:
    asked = '<domain><memory>1</memory><nic mac="1"/><disk dev="a"/></domain>'
    kept = '<domain><memory>1</memory><nic mac="1"/><disk dev="a" bus="4"/><controller/></domain>'
    begun = storing(BEFORE, BEFORE).before(None, whole(asked))
    ended = storing(BEFORE, BEFORE).after(begun, whole(kept))

    assert [(c.path, c.new) for c in ended.changes] == [("disk[a]", make("disk", {"bus": "4", "dev": "a"}))]
    assert [c.path for c in ended.filled] == ["controller"]
    # The addition is undone together with the refused change, unless it is active.
    web = guest(asked)
    stored = replace(
        ended, edit=digest_of_edit(web, DOMAINS), refused=(Refusal((("disk[a]",),), ("disk[a]",), WHY),)
    )
    made = planned(of(web, runs(web, kept), stored=stored))
    assert {c.path for c in made.actions[0].changes} == {"controller", "disk[a]"}
    in_use = BEFORE.replace("</domain>", "<controller/></domain>")
    made = planned(of(web, runs(web, kept, in_use), stored=stored))
    assert [c.path for c in made.actions[0].changes] == ["disk[a]"]


def test_related_changes_in_a_refused_device_are_undone_unless_active() -> None:
    web = guest(AFTER.replace("link", 'queues="2" link'))
    wider = Change(("nic[1]", "@address"), "nic/@address", "5", "6")
    kept = AFTER.replace("link", 'address="6" queues="2" link')
    stored = edit(web, LINK, changes=(*CHANGES, wider))
    made = planned(of(web, runs(web, kept), stored=stored))

    assert [(c.path, c.new) for c in made.actions[0].changes] == [
        ("nic[1]/@address", "5"),
        ("nic[1]/@link", None),
    ]
    made = planned(of(web, runs(web, kept, BEFORE.replace("/>", ' address="6"/>')), stored=stored))
    assert [c.path for c in made.actions[0].changes] == ["nic[1]/@link"]


# Secrets.

PASSWORD = Change(("password",), "password", SECRET, SECRET)


@pytest.mark.parametrize(
    ("stored", "live", "change", "left"),
    [
        pytest.param(
            "<domain><password>two</password></domain>",
            "<domain><password>one</password></domain>",
            PASSWORD,
            "<domain><password>one</password></domain>",
            id="the one in force comes back",
        ),
        pytest.param(
            "<domain><password>two</password></domain>",
            None,
            PASSWORD,
            "<domain><password>two</password></domain>",
            id="the one that the spec says is all that is known",
        ),
        pytest.param(
            "<domain/>",
            '<domain><disk dev="a" key="k1"/></domain>',
            Change(("disk[a]",), "disk", make("disk", {"dev": "a", "key": SECRET}), None),
            '<domain><disk dev="a" key="k1"/></domain>',
            id="a device comes back with what it runs with",
        ),
        pytest.param(
            "<domain/>",
            None,
            Change(("disk[a]",), "disk", make("disk", {"dev": "a", "key": SECRET}), None),
            "<domain/>",
            id="a device does not come back without its secret",
        ),
        pytest.param(
            '<domain><disk dev="a" key="k2"/></domain>',
            None,
            Change(("disk[a]",), "disk", None, make("disk", {"dev": "a", "key": SECRET})),
            "<domain/>",
            id="a new device goes, whatever its secret",
        ),
        pytest.param(
            "<domain/>",
            None,
            Change(("disk[a]", "@key"), "disk/@key", SECRET, SECRET),
            "<domain/>",
            id="what is gone with its device stays so",
        ),
    ],
)
def test_refused_secret_is_undone_if_its_former_value_is_known(
    stored: str, live: str | None, change: Change, left: str
) -> None:
    web = guest("<domain><password>two</password></domain>")
    steps = change.steps
    there = seen(web, stored, live=live)
    made = planned(of(web, there, stored=edit(web, steps, changes=(change,))))
    kept = made.instead[web.key]

    assert not list(diff(without_refused(kept, there, DOMAINS.rules), whole(left), DOMAINS.rules))


def test_stored_edit_contains_no_secret() -> None:
    web = guest('<domain><password>two</password><disk dev="a" key="k2"/></domain>')
    begun = storing("<domain><password>one</password></domain>", "<domain/>", web).before(
        None, whole('<domain><password>two</password><disk dev="a" key="k2"/></domain>')
    )

    assert [(c.old, c.new) for c in begun.changes] == [
        (SECRET, SECRET),
        (None, make("disk", {"dev": "a", "key": SECRET})),
    ]


# Records of refusals.


def test_temporary_refusal_is_held_for_increasing_times_up_to_an_hour() -> None:
    stored = edit(guest())
    waits = []
    for _ in range(12):
        stored = add_refusal(stored, Refusal((LINK,), (), WHY), "9.0", NOW)
        (refusal,) = stored.refused
        assert refusal.until
        waits.append((refusal.until - NOW).total_seconds())

    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 3600
    assert stored.refused[0].tries == 12
    lasting = add_refusal(stored, Refusal((("memory",),), (), WHY), "9.0", None)
    assert [r.until is None for r in lasting.refused] == [False, True]


def test_refusal_is_deleted_after_the_edit_succeeds() -> None:
    web = guest()
    stored = edit(web, LINK)
    kept = planned(of(web, runs(web), stored=stored)).instead[web.key]

    assert still_refused(stored, kept) == stored
    assert still_refused(stored, web) == replace(stored, refused=(), software="")


@pytest.mark.parametrize(
    ("actual", "known", "is_so"),
    [
        pytest.param(runs(guest(), AFTER, AFTER), remembered(guest()), True, id="it runs so"),
        pytest.param(runs(guest(), AFTER, AFTER), None, True, id="nothing is remembered"),
        pytest.param(runs(guest(), AFTER, BEFORE), remembered(guest()), False, id="it runs otherwise"),
        pytest.param(seen(guest(), AFTER), remembered(guest()), False, id="it is off"),
    ],
)
def test_edit_is_in_effect_when_the_object_runs_with_it(
    actual: Actual,
    known: Applied | None,
    is_so: bool,  # noqa: FBT001
) -> None:
    assert is_in_force(guest(), actual, known, DOMAINS) is is_so
