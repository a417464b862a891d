"""Disks whose source differs from the spec, and disks that are moved while the guest runs."""

from kvmreconcile.model import Apply, Power
from tests.plan.worlds import done, held, planned, remembered, seen, wish, world


def test_disk_moved_by_another_tool_is_not_moved_back() -> None:
    web = wish("Domain/web", '<domain place="a"/>')
    made = planned(world([web], [seen(web, '<domain place="b"/>')], [remembered(web)]))

    assert done(made) == []
    assert held(made) == []
    assert made.in_sync == (web.key,)


def test_disk_is_moved_if_the_spec_changes_its_source() -> None:
    was, web = wish("Domain/web", '<domain place="a"/>'), wish("Domain/web", '<domain place="c"/>')
    made = planned(world([web], [seen(was)], [remembered(was)]))

    assert done(made) == ["define Domain/web"]


def test_relocated_disk_is_held_and_other_changes_are_made() -> None:
    was, web = wish("Domain/web", '<domain place="a"/>'), wish("Domain/web", '<domain place="a" x="1"/>')
    made = planned(world([web], [seen(was, '<domain place="lost"/>')], [remembered(was)]))

    assert done(made) == ["define Domain/web"]
    assert [(h.hold.name, h.detail) for h in made.held] == [
        ("STRAYED", "it uses lost, whose backing chain does not contain a; the disk is not changed")
    ]


def test_relocation_is_ignored_with_apply_create_only() -> None:
    web = wish("Domain/web", '<domain place="a"/>', apply=Apply.CREATE_ONLY)
    made = planned(world([web], [seen(web, '<domain place="lost"/>')], [remembered(web)]))

    assert held(made) == []


def test_object_with_only_a_relocated_disk_is_not_in_sync() -> None:
    web = wish("Domain/web", '<domain place="a"/>')
    made = planned(world([web], [seen(web, '<domain place="lost"/>')], [remembered(web)]))

    assert held(made) == [("define Domain/web", "STRAYED")]
    assert made.in_sync == ()


def test_new_disk_source_is_not_stored_before_the_migration() -> None:
    was = wish("Domain/web", '<domain place="a"/>')
    web = wish("Domain/web", '<domain place="c" x="1"/>', copies=True)
    made = planned(world([web], [seen(was, active=True)], [remembered(was)]))

    assert done(made) == ["define Domain/web", "move Domain/web"]
    assert [c.path for c in made.actions[0].changes] == ["@x"]
    assert [(c.path, c.old, c.new) for c in made.actions[1].changes] == [("it/@place", "a", "c")]


def test_disk_of_a_guest_to_be_stopped_is_moved_only_when_it_runs_again() -> None:
    was = wish("Domain/web", '<domain place="a"/>')
    web = wish("Domain/web", '<domain place="c"/>', power=Power.STOPPED, copies=True)
    made = planned(world([web], [seen(was, active=True)], [remembered(was)]))

    assert done(made) == ["stop Domain/web"]


def test_interrupted_move_is_completed_before_other_changes() -> None:
    was = wish("Domain/web", '<domain place="a"/>')
    web = wish("Domain/web", '<domain place="c" x="1"/>', copies=True)
    made = planned(world([web], [seen(was, active=True, job="it is being copied")], [remembered(was)]))

    assert done(made) == ["move Domain/web"]
    assert held(made) == [("define Domain/web", "BUSY")]


def test_relocated_disk_that_can_be_copied_waits_until_the_guest_runs() -> None:
    web = wish("Domain/web", '<domain place="a"/>', copies=True)
    made = planned(world([web], [seen(web, '<domain place="lost"/>')], [remembered(web)]))

    assert "start the guest" in made.held[0].release
