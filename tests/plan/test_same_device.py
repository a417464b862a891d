"""Edits of the key of a device in a running object: the device is still matched."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Actual, Applied, Apply, Desired, Hold, Key, Plan, Reason, RefusedParts
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.compare.pending import to_remember
from kvmreconcile.plan.compare.settled import find_settled_live, run_of
from kvmreconcile.tree import Change, Effect, to_xml
from tests.plan.worlds import BOOKS, done, held, planned, remembered, seen, wish, world

DOMAIN = BOOKS["Domain"]
WEB = Key("Domain", "web")


def spec(*devices: str, **more: object) -> Desired:
    return wish("Domain/web", f"<domain>{''.join(devices)}</domain>", **more)


def on(desired: Desired, *stored: str, live: tuple[str, ...] = (), run: int = 1) -> Actual:
    """Return the object with the given devices in its stored and its running definition."""
    running = f"<domain>{''.join(live or stored)}</domain>"
    return replace(seen(desired, f"<domain>{''.join(stored)}</domain>", running), runtime_id=run)


def pending(made: Plan) -> list[tuple[str, str, object, object]]:
    return [(c.sign, c.path, c.old, c.new) for c in made.pending.get(WEB, ())]


def after(made: Plan, web: Desired, there: Actual, known: Applied | None) -> tuple[Actual, Applied]:
    """Return the object and its applied record after a plan whose only step is `define`."""
    (define,) = made.actions
    assert define.tree is not None
    now = replace(there, xml=to_xml(define.tree))
    remembered_ = applied_after(web, now, DOMAIN, "lab", known)
    running = find_settled_live(web, now, run_of(there, now), known, DOMAIN)
    return now, replace(remembered_, settled=(*remembered_.settled, *running))


VDA, VDB = '<disk dev="vda" source="/a"/>', '<disk dev="vdb" source="/a"/>'
THERE = '<disk dev="vda" source="/a" slot="3"/>'
"""The disk as libvirt has it."""


@pytest.mark.case("7")
def test_edited_disk_target_is_pending_and_the_disk_stays_attached() -> None:
    was, web = spec(VDA), spec(VDB)
    there, known = on(was, THERE), remembered(was)

    first = planned(world([web], [there], [known]))
    there, known = after(first, web, there, known)
    second = planned(world([web], [there], [known]))
    cycled = planned(world([web], [replace(there, live_xml=there.xml, runtime_id=2)], [known]))

    assert [(a.verb.name, a.effect) for a in first.actions] == [("define", Effect.NEXT_BOOT)]
    assert pending(first) == pending(second) == [("~", "disk[vdb]/@dev", "vda", "vdb")]
    assert second.is_empty
    assert cycled.is_empty
    assert pending(cycled) == []


@pytest.mark.case("7")
def test_edited_mac_of_the_only_interface_is_pending() -> None:
    was, web = (spec(f'<nic mac="{mac}" lan="a"/>') for mac in "12")
    made = planned(world([web], [on(was, '<nic mac="1" lan="a"/>')], [remembered(was)]))

    assert [(a.verb.name, a.effect) for a in made.actions] == [("define", Effect.NEXT_BOOT)]
    assert pending(made) == [("~", "nic[2]/@mac", "1", "2")]


@pytest.mark.case("7")
def test_live_change_of_a_device_with_a_pending_key_updates_that_device() -> None:
    web = spec('<nic mac="2" lan="a" link="down"/>')
    there = on(web, '<nic mac="2" lan="a" slot="3"/>', live=('<nic mac="1" lan="a" slot="3"/>',))
    made = planned(world([web], [there], [remembered(spec('<nic mac="2" lan="a"/>'))]))

    assert done(made) == ["define Domain/web", "update Domain/web"]
    assert made.actions[1].steps == ("nic[2]",)
    assert pending(made) == [("~", "nic[2]/@mac", "1", "2")]


@pytest.mark.case("7")
def test_new_device_name_is_stored_and_not_pending() -> None:
    was, web = spec(VDA), spec('<disk name="root" dev="vda" source="/a"/>')
    there, known = on(was, THERE), remembered(was)

    first = planned(world([web], [there], [known]))
    there, known = after(first, web, there, known)

    assert [(a.verb.name, a.effect) for a in first.actions] == [("define", Effect.LIVE)]
    assert [(c.sign, c.path) for c in first.actions[0].changes] == [("+", "disk[root]/@name")]
    assert pending(first) == []
    assert planned(world([web], [there], [known])) == planned(
        world([web], [replace(there, live_xml=there.xml)], [known])
    )
    assert planned(world([web], [there], [known])).is_empty


@pytest.mark.case("7")
def test_new_device_name_visible_to_the_guest_is_pending() -> None:
    was, web = (spec(f'<disk {name}dev="vda" loud="1"/>') for name in ("", 'name="root" '))
    made = planned(world([web], [on(was, '<disk dev="vda" loud="1"/>')], [remembered(was)]))

    assert [(a.verb.name, a.effect) for a in made.actions] == [("define", Effect.NEXT_BOOT)]
    assert pending(made) == [("+", "disk[root]/@name", None, "root")]


@pytest.mark.case("7")
def test_device_names_are_written_at_adoption() -> None:
    web = spec('<disk name="root" dev="vda" source="/a"/>', adopt=True)
    there = replace(on(web, THERE), ownership_mark=None)
    made = planned(world([web], [there]))

    assert [(a.verb.name, a.effect, a.reason) for a in made.actions] == [("own", Effect.LIVE, Reason.ADOPT)]
    assert [(c.sign, c.path) for c in made.actions[0].changes] == [("+", "disk[root]/@name")]
    assert made.actions[0].definition.get("disk/@name") == "root"
    assert pending(made) == []
    more = replace(web, tree=spec('<disk name="root" dev="vda" source="/a" cache="on"/>').tree)
    assert done(planned(world([more], [there]))) == ["define Domain/web"]


@pytest.mark.case("7")
def test_device_names_are_written_to_objects_with_our_mark() -> None:
    web = spec('<disk name="root" dev="vda" source="/a"/>')

    assert done(planned(world([web], [on(web, THERE)]))) == ["own Domain/web"]


TWO = ('<disk dev="vda" source="/a"/>', '<disk dev="vdb" source="/a"/>')
OTHERS = ('<disk dev="vdc" source="/a"/>', '<disk dev="vdd" source="/a"/>')


@pytest.mark.case("7")
def test_ambiguous_list_is_held_and_other_changes_are_made() -> None:
    was, web = spec(*TWO, "<memory>1</memory>"), spec(*OTHERS, "<memory>2</memory>")
    there, known = on(was, *TWO, "<memory>1</memory>"), remembered(was)

    made = planned(world([web], [there], [known]))

    assert done(made) == ["define Domain/web", "set-memory Domain/web"]
    assert held(made) == [("define Domain/web", "AMBIGUOUS")]
    assert made.held[0].detail == (
        "disk: each of disk[vdc], disk[vdd] could be any of disk[vda], disk[vdb]; nothing in this list is changed"
    )
    assert made.held[0].release == "name each"
    assert web.key not in made.in_sync


@pytest.mark.case("7")
def test_spec_with_an_ambiguous_list_is_not_recorded_as_applied() -> None:
    was, web = spec(*TWO), spec(*OTHERS)
    there, known = on(was, *TWO), remembered(was)

    made = planned(world([web], [there], [known]))
    noted = applied_after(web, there, DOMAIN, "lab", known)

    assert (made.actions, made.records) == ((), ())
    assert (noted.tree, noted.digest, noted.settled) == (known.tree, known.digest, ())
    assert find_settled_live(web, there, run_of(there, there), noted, DOMAIN) == ()
    assert held(planned(world([web], [there], [noted]))) == [("define Domain/web", "AMBIGUOUS")]
    # As soon as the list is unambiguous, the whole spec is applied.
    clear = spec('<disk dev="vda" source="/a"/>', '<disk dev="vdd" source="/a"/>')
    assert pending(planned(world([clear], [there], [noted]))) == [("~", "disk[vdd]/@dev", "vdb", "vdd")]


def test_adopted_spec_with_an_ambiguous_list_is_recorded() -> None:
    web = spec(*OTHERS, adopt=True)
    there = on(web, *TWO)

    assert applied_after(web, there, DOMAIN, "lab").tree == web.tree
    assert planned(world([web], [there])).records == (WEB,)


@pytest.mark.case("7")
def test_ambiguous_list_with_apply_merge_is_held() -> None:
    was, web = spec(*TWO, apply=Apply.MERGE), spec(*OTHERS, apply=Apply.MERGE)
    there, known = on(was, *TWO), remembered(was)

    assert held(planned(world([web], [there], [known]))) == [("define Domain/web", "AMBIGUOUS")]
    assert planned(world([web], [there], [known])).actions == ()


@pytest.mark.case("7")
def test_edited_disk_target_with_apply_merge_is_pending() -> None:
    theirs = '<disk dev="vdz" source="/z"/>'
    was, web = spec(VDA, apply=Apply.MERGE), spec(VDB, apply=Apply.MERGE)
    there, known = on(was, THERE, theirs), remembered(was)

    first = planned(world([web], [there], [known]))
    there, known = after(first, web, there, known)
    second = planned(world([web], [there], [known]))

    assert pending(first) == pending(second) == [("~", "disk[vdb]/@dev", "vda", "vdb")]
    assert second.is_empty
    assert there.tree.get("disk/@dev") == "vdb"
    assert len(list(there.tree.all("disk"))) == 2


@pytest.mark.case("7")
def test_second_edit_that_makes_a_running_device_unmatchable_is_held() -> None:
    memory = "<memory>1</memory>"
    was, web = spec(VDB, memory), spec('<disk dev="vdb" source="/b"/>', "<memory>2</memory>")
    stored = '<disk dev="vdb" source="/a" slot="3"/>', memory
    there, known = on(was, *stored, live=(THERE, memory)), remembered(was)

    made = planned(world([web], [there], [known]))
    cycled = planned(world([web], [on(was, *stored, run=2)], [known]))

    assert done(made) == ["define Domain/web", "set-memory Domain/web"]
    assert made.actions[0].definition.get("disk/@source") == "/a"
    assert [h.hold for h in made.held] == [Hold.AMBIGUOUS]
    assert made.held[0].detail == (
        "disk: the running disk[vda] cannot be matched to disk[vdb] in the spec; nothing in this list is changed"
    )
    assert made.held[0].release == "restart Domain/web; the list is then compared again"
    assert pending(cycled) == [("~", "disk[vdb]/@source", "/a", "/b")]


def test_device_with_a_different_name_is_detached_and_attached() -> None:
    old, new = '<disk name="a" dev="vda" source="/a"/>', '<disk name="b" source="/b"/>'
    was, web = spec(old), spec(new)
    made = planned(world([web], [on(was, old)], [remembered(was)]))

    assert done(made) == ["define Domain/web", "detach Domain/web", "attach Domain/web"]


@pytest.mark.case("7")
@pytest.mark.parametrize(("target", "verbs"), [("vda", ["define"]), ("vdc", ["define", "attach"])])
def test_new_device_is_not_attached_while_a_running_device_has_its_target(
    target: str, verbs: list[str]
) -> None:
    old = '<disk name="root" dev="vda" source="/a"/>'
    was, web = spec(old), spec(old.replace("vda", "vdb"), f'<disk dev="{target}" source="/b"/>')
    made = planned(world([web], [on(was, old)], [remembered(was)]))

    assert [action.verb.name for action in made.actions] == verbs


@pytest.mark.case("7")
def test_name_of_a_running_device_is_not_given_to_another_device() -> None:
    old, now = (
        '<disk name="old" dev="vda" source="/a" slot="3"/>',
        '<disk name="root" dev="vda" source="/a"/>',
    )
    was, web = spec(now), spec(now, '<disk name="old" dev="vdb" source="/b"/>')
    made = planned(world([web], [on(was, f'{now[:-2]} slot="3"/>', live=(old,))], [remembered(was)]))

    assert (done(made), held(made)) == ([], [("define Domain/web", "AMBIGUOUS")])


@pytest.mark.case("7")
def test_removed_field_of_a_device_named_after_the_start_is_pending() -> None:
    was, web = (spec(f'<disk name="root" dev="vda" source="/a"{cache}/>') for cache in (' cache="on"', ""))
    live = '<disk dev="vda" source="/a" cache="on"/>'
    there, known = (
        on(was, '<disk name="root" dev="vda" source="/a" cache="on"/>', live=(live,)),
        remembered(was),
    )

    first = planned(world([web], [there], [replace(known, runtime_id=1)]))
    waits = to_remember(first.pending[WEB], web, there, DOMAIN)
    there = replace(there, xml=to_xml(first.actions[0].definition))
    noted = replace(applied_after(web, there, DOMAIN, "lab", known), pending=waits)

    assert pending(first) == [("-", "disk[root]/@cache", "on", None)]
    assert pending(planned(world([web], [there], [noted]))) == pending(first)
    assert planned(world([web], [there], [noted])).is_empty


@pytest.mark.case("7")
def test_device_with_a_refused_key_change_is_still_matched() -> None:
    old, new = '<nic mac="1" lan="a"/>', '<nic mac="2" lan="a"/>'
    was, web = spec(old), spec(new)
    changed = Change(("nic[2]", "@mac"), "nic/@mac", "1", "2")
    refused = replace(web, refused_parts=RefusedParts((changed.steps,), undo=(changed,)))
    known = remembered(was)

    stored = planned(world([refused], [on(was, new, live=(old,))], [known]))
    put_back = planned(world([refused], [on(was, old)], [known]))

    assert [(a.verb.name, a.definition.get("nic/@mac")) for a in stored.actions] == [("define", "1")]
    assert put_back.actions == ()
