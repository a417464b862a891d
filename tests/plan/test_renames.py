"""Objects whose specs were renamed are renamed or held, but never duplicated or removed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kvmreconcile.model import (
    Actual,
    Applied,
    Apply,
    Desired,
    Key,
    Obstacle,
    OwnershipMark,
    Reason,
    StateReason,
    Suspension,
    Unknown,
    World,
)
from kvmreconcile.plan import Limit, Limits, Overrides
from kvmreconcile.tree import to_xml
from tests.plan.worlds import NOW, RUNNING, done, held, planned, remembered, seen, wish, world

KEEP, DISK = wish("Domain/keep"), wish("Volume/p/v", '<volume pool="p"><path>/p/v</path></volume>')
POOL = wish("StoragePool/p")
WIDE = Limits(delete=Limit(1.0, 10))


def guest(name: str, *inside: str, **more: Any) -> Desired:
    """Return the desired guest with one disk and any other given elements."""
    disk = more.pop("disk", '<disk dev="a" pool="p" volume="v"/>')
    return wish(f"Domain/{name}", f"<domain><name>{name}</name>{disk}{''.join(inside)}</domain>", **more)


OLD, NEW = guest("old"), guest("new")


def host(
    wanted: list[Desired], there: list[Actual | Unknown], known: list[Applied] | None = None, **more: Any
) -> World:
    """Return a world with a pool, a volume and a guest in sync, and the given objects."""
    base = (KEEP, DISK, POOL)
    known = [remembered(OLD)] if known is None else known
    return world(
        [*base, *wanted],
        [*map(seen, base), *there],
        [*map(remembered, base), *known],
        **more,
    )


@pytest.mark.case("6b")
def test_stopped_guest_with_the_same_disks_is_renamed() -> None:
    made = planned(host([NEW], [seen(OLD)]))

    assert done(made) == ["rename Domain/new"]
    (step,) = made.actions
    assert (step.former, step.reason) == (OLD.key, Reason.EDIT)
    assert [(c.path, c.old, c.new) for c in step.changes] == [("name", "old", "new")]
    assert step.definition.get("uuid") == OLD.creation.uuid
    assert (made.held, made.records) == ((), ())


@pytest.mark.case("6a")
def test_guest_with_the_same_uuid_is_renamed_despite_other_changes() -> None:
    uuid = f"<uuid>{OLD.creation.uuid}</uuid>"
    new = guest("new", uuid, "<memory>2</memory>", disk="", power=RUNNING, autostart=True)
    old = guest("old", disk="")

    made = planned(host([new], [seen(old, autostart=False)], [remembered(old)]))

    assert done(made) == [
        "rename Domain/new",
        "define Domain/new",
        "autostart Domain/new",
        "start Domain/new",
    ]


@pytest.mark.case("6a")
@pytest.mark.case("6b")
@pytest.mark.parametrize("uuid", ["", f"<uuid>{OLD.creation.uuid}</uuid>"])
def test_running_guest_is_not_renamed_duplicated_or_removed(uuid: str) -> None:
    here = host([guest("new", uuid, power=RUNNING)], [seen(OLD, live="<domain/>")])
    made = planned(here)
    approved = planned(here, Overrides(approved=made.digest), WIDE)

    for plan in (made, approved):
        assert (done(plan), held(plan)) == ([], [("rename Domain/new", "RENAME")])
        assert "libvirt can rename it only while it is off" in plan.held[0].detail
        assert "virsh shutdown old" in plan.held[0].release


@pytest.mark.parametrize(
    ("state_reason", "how"),
    [
        (None, "shut it down: virsh shutdown old"),
        (StateReason.IO_ERROR, "resume it and shut it down: virsh shutdown old"),
        (StateReason.PANIC, "power it off: virsh destroy old"),
    ],
)
def test_active_guest_is_renamed_after_it_is_off(state_reason: StateReason | None, how: str) -> None:
    plan = planned(
        host([guest("new", power=RUNNING)], [seen(OLD, live="<domain/>", state_reason=state_reason)])
    )

    assert plan.held[0].release == f'set the name back to "old" in its spec; or {how}'


def test_guest_with_a_managed_save_is_not_renamed() -> None:
    made = planned(host([NEW], [seen(OLD, saved=True)]))

    assert held(made) == [("rename Domain/new", "RENAME")]
    assert "has a managed save" in made.held[0].detail


def test_guest_renamed_before_the_state_was_written_is_found_by_its_mark() -> None:
    live = to_xml(NEW.tree)
    there = replace(
        seen(NEW, live=live),
        uuid=OLD.creation.uuid,
        ownership_mark=OwnershipMark("lab", "Domain/old", OLD.creation.uuid),
    )

    made = planned(host([NEW], [there]))

    assert done(made) == ["rename Domain/new"]
    assert made.actions[0].former == OLD.key
    assert (made.held, made.records) == ((), ())


def test_guest_renamed_without_a_state_record_is_ours_by_its_mark() -> None:
    there = replace(
        seen(NEW),
        uuid=OLD.creation.uuid,
        ownership_mark=OwnershipMark("lab", "Domain/old", OLD.creation.uuid),
    )

    made = planned(host([NEW], [there], []))

    assert done(made) == ["rename Domain/new"]


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param(OwnershipMark("lab", "Domain/old", "of a clone's origin"), id="clone"),
        pytest.param(OwnershipMark("elsewhere", "Domain/old", OLD.creation.uuid), id="another instance's"),
        pytest.param(OwnershipMark("lab", "Domain/keep", OLD.creation.uuid), id="a spec's own"),
        pytest.param(OwnershipMark("lab", "Network/old", OLD.creation.uuid), id="another kind"),
    ],
)
def test_invalid_mark_causes_no_rename(mark: OwnershipMark) -> None:
    there = replace(seen(NEW), uuid=OLD.creation.uuid, ownership_mark=mark)

    made = planned(host([NEW], [there], []))

    assert "rename Domain/new" not in done(made)


def test_guest_that_another_tool_has_renamed_gets_its_name_back() -> None:
    there = replace(
        seen(NEW),
        uuid=OLD.creation.uuid,
        ownership_mark=OwnershipMark("lab", "Domain/old", OLD.creation.uuid),
    )

    made = planned(host([OLD], [there]))

    assert done(made) == ["rename Domain/old"]
    assert (made.actions[0].former, made.actions[0].reason) == (NEW.key, Reason.DRIFT)


def test_guest_of_another_instance_is_not_renamed() -> None:
    theirs = replace(seen(OLD), ownership_mark=OwnershipMark("elsewhere", "Domain/old", OLD.creation.uuid))

    assert done(planned(host([NEW], [theirs]))) == ["create Domain/new"]


def test_guest_without_our_mark_and_state_record_is_not_renamed() -> None:
    made = planned(host([NEW], [replace(seen(OLD), ownership_mark=None)], []))

    assert done(made) == ["create Domain/new"]


def test_shared_disk_is_no_proof_of_a_rename() -> None:
    disk = '<disk dev="a" pool="p" volume="v" shared="yes"/>'
    old, new = guest("old", disk=disk), guest("new", disk=disk)

    made = planned(host([new], [seen(old)], [remembered(old)]), limits=WIDE)

    assert done(made) == ["create Domain/new", "remove Domain/old"]


def test_disk_path_is_matched_with_the_volume_at_that_path() -> None:
    new = guest("new", disk='<disk dev="a" file="/p/v"/>')

    assert done(planned(host([new], [seen(OLD)]))) == ["rename Domain/new", "define Domain/new"]


def test_disk_only_in_the_running_definition_belongs_to_the_guest() -> None:
    old = guest("old", disk="")
    running = '<domain><disk dev="a" pool="p" volume="v"/></domain>'

    made = planned(host([NEW], [seen(old, live=running)], [remembered(old)]))

    assert held(made) == [("rename Domain/new", "RENAME")]


def test_creation_is_held_while_an_unobservable_guest_may_be_the_same_guest() -> None:
    made = planned(host([NEW], [Unknown(OLD.key, "timeout")]))

    assert ("create Domain/new", "UNKNOWN") in held(made)
    assert done(made) == []


def test_unobservable_guest_without_state_record_does_not_hold_a_creation() -> None:
    made = planned(host([NEW], [Unknown(OLD.key, "timeout")], []))

    assert done(made) == ["create Domain/new"]


@pytest.mark.parametrize("more", [{"complete": False}, {"frozen": frozenset({Key("Domain", "broken")})}])
def test_nothing_is_renamed_while_a_spec_cannot_be_read(more: dict[str, Any]) -> None:
    made = planned(host([NEW], [seen(OLD)], **more))

    assert (done(made), held(made)) == ([], [("rename Domain/new", "INCOMPLETE")])


@pytest.mark.case("46")
def test_guest_whose_file_was_not_read_is_not_renamed() -> None:
    unread = {OLD.key: Obstacle("the last known spec was in old.yaml", "name it")}

    made = planned(host([NEW], [seen(OLD)], unread=unread))

    assert (done(made), held(made)) == ([], [("rename Domain/new", "UNREAD")])
    assert (
        made.held[0].detail
        == "Domain/new may be Domain/old under a new name; Domain/old: the last known spec was in old.yaml"
    )


@pytest.mark.parametrize("name", [OLD.key, NEW.key])
def test_guest_suspended_under_its_old_or_new_name_is_not_renamed(name: Key) -> None:
    until = NOW + timedelta(hours=1)
    made = planned(host([NEW], [seen(OLD)], suspended={name: Suspension(NOW, until)}))

    assert (done(made), held(made)) == ([], [("rename Domain/new", "SUSPENDED")])
    assert made.next_release == until


def test_busy_guest_is_not_renamed() -> None:
    made = planned(host([NEW], [seen(OLD, job="a backup")]))

    assert (done(made), held(made)) == ([], [("rename Domain/new", "BUSY")])


def test_guest_with_apply_observe_is_not_renamed() -> None:
    new = guest("new", apply=Apply.OBSERVE)

    assert held(planned(host([new], [seen(OLD)]))) == [("rename Domain/new", "OBSERVE")]


def test_guest_with_apply_create_only_is_renamed_but_not_edited() -> None:
    new = guest("new", "<memory>2</memory>", apply=Apply.CREATE_ONLY)

    assert done(planned(host([new], [seen(OLD)]))) == ["rename Domain/new"]


@pytest.mark.parametrize(("only", "what"), [(OLD, []), (KEEP, []), (NEW, ["rename Domain/new"])])
def test_only_a_selected_guest_is_renamed_and_no_other_removed(only: Desired, what: list[str]) -> None:
    made = planned(host([NEW], [seen(OLD)]), Overrides(only=frozenset({only.key})))

    assert (done(made), held(made)) == (what, [])


def test_spec_with_disks_of_two_guests_is_ambiguous() -> None:
    disks = '<disk dev="a" file="/a"/>', '<disk dev="b" file="/b"/>'
    one, two = guest("one", disk=disks[0]), guest("two", disk=disks[1])

    made = planned(
        host([guest("new", disk="".join(disks))], [seen(one), seen(two)], [remembered(one), remembered(two)]),
        limits=WIDE,
    )

    assert done(made) == []
    assert held(made) == [
        ("create Domain/new", "RENAME"),
        ("remove Domain/two", "SUCCESSOR"),
        ("remove Domain/one", "SUCCESSOR"),
    ]
    assert "Domain/one and Domain/two" in made.held[0].detail


def test_two_specs_with_disks_of_one_guest_are_ambiguous() -> None:
    made = planned(host([NEW, guest("newer")], [seen(OLD)]), limits=WIDE)

    assert held(made) == [
        ("create Domain/new", "RENAME"),
        ("create Domain/newer", "RENAME"),
        ("remove Domain/old", "SUCCESSOR"),
    ]
    assert "Domain/newer and Domain/old" in made.held[0].detail


def test_guest_is_created_after_another_guest_releases_its_disk() -> None:
    giver = guest("old", disk='<disk dev="a" file="/other"/>')
    here = host([NEW, giver], [seen(OLD)])

    made = planned(here)

    assert ("create Domain/new", "CLAIM") in held(made)
    assert "define Domain/old" in done(made)
    assert done(planned(host([NEW, giver], [seen(giver)], [remembered(giver)]))) == ["create Domain/new"]


def test_disk_of_a_guest_with_a_spec_does_not_hold_a_creation() -> None:
    assert done(planned(host([NEW, OLD], [seen(OLD)]))) == ["create Domain/new"]


def test_disk_of_a_guest_with_an_unreadable_spec_does_not_hold_a_creation() -> None:
    made = planned(host([NEW], [seen(OLD)], frozen=frozenset({OLD.key})))

    assert done(made) == ["create Domain/new"]


def test_unobservable_guest_with_a_spec_does_not_hold_a_creation() -> None:
    made = planned(host([NEW, OLD], [Unknown(OLD.key, "timeout")]))

    assert done(made) == ["create Domain/new"]
