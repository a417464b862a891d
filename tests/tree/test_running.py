"""Members of a running definition with keys that were changed in the stored definition."""

import pytest

from kvmreconcile.tree import (
    Invisible,
    Members,
    Node,
    Owner,
    Rules,
    Table,
    diff,
    overlay,
    parse,
    paths,
    to_xml,
)
from kvmreconcile.tree.running import (
    is_invisible,
    link_successors,
    link_to_desired,
    link_to_proposed,
    steps_in,
    with_desired_keys,
)

NIC = Members(
    (("alias/@name",), ("@mac",)),
    Owner.SPEC,
    fallback=(("@mac",), ("@net",)),
    running=(("alias/@name",), ("address/@*", "@net")),
    advice="name them",
)
RULES = Rules(
    members=Table(
        {"devices/nic": NIC, "devices/*": Members((("alias/@name",),)), "cpu": Members((("@id",),))}
    ),
    invisible=Table(
        {
            path: Invisible("devices/*", lambda device: device.attr("loud") is None)
            for path in ("devices/*/alias", "devices/*/alias/@name")
        }
    ),
    ignored=paths("devices/nic/@run"),
)


def guest(*devices: str) -> Node:
    return parse(f"<d><devices>{''.join(devices)}</devices></d>")


def nic(mac: str, name: str = "", net: str = "lan", slot: str = "", **more: str) -> str:
    alias = f'<alias name="{name}"/>' if name else ""
    address = f'<address slot="{slot}"/>' if slot else ""
    said = "".join(f' {key}="{value}"' for key, value in more.items())
    return f'<nic mac="{mac}" net="{net}"{said}>{alias}{address}</nic>'


def lacks(running: Node, stored: Node, desired: Node) -> list[tuple[str, str]]:
    live = link_to_desired(running, stored, desired, RULES)
    return [(c.sign, c.path) for c in diff(live, overlay(live, desired, RULES), RULES)]


def untraced(running: Node, stored: Node, proposed: Node, desired: Node) -> list[tuple[str, int, int]]:
    _, ambiguities = link_to_proposed(running, stored, proposed, desired, RULES)
    return [(d.path, len(d.have), len(d.want)) for d in ambiguities]


@pytest.mark.case("7")
def test_running_member_with_a_pending_key_change_is_changed_not_replaced() -> None:
    running, stored = guest(nic("1", slot="3")), guest(nic("2", slot="3"))

    assert lacks(running, stored, guest(nic("2"))) == [("~", "devices/nic[2]/@mac")]


@pytest.mark.case("7")
def test_two_interfaces_on_one_network_are_distinguished_by_address() -> None:
    running = guest(nic("1", slot="3"), nic("2", slot="4"))
    stored = guest(nic("8", "b", slot="4"), nic("9", "a", slot="3"))
    desired = guest(nic("9", "a"), nic("8", "b"))

    live = link_to_desired(running, stored, desired, RULES)

    assert [c.known_as and c.known_as.attr("mac") for c in live.children[0].children] == ["9", "8"]
    assert to_xml(live) == to_xml(running)


@pytest.mark.case("7")
def test_running_member_is_matched_after_the_stored_member_got_a_name() -> None:
    running, stored = guest(nic("1", slot="3")), guest(nic("1", "a", slot="3"))

    assert lacks(running, stored, guest(nic("1", "a", link="down"))) == [
        ("+", "devices/nic[a]/@link"),
        ("+", "devices/nic[a]/alias"),
    ]


def test_member_with_a_different_name_is_replaced() -> None:
    running, stored = guest(nic("1", "a", slot="3")), guest(nic("2", "b", net="dmz", slot="3"))

    assert lacks(running, stored, guest(nic("2", "b", net="dmz"))) == [
        ("-", "devices/nic[a]"),
        ("+", "devices/nic[b]"),
    ]


def test_member_without_a_desired_counterpart_is_not_linked() -> None:
    running = guest(nic("1"), "<rng/>")

    assert link_to_desired(running, guest(nic("1"), "<rng/>"), parse("<d/>"), RULES) == running
    assert link_to_desired(parse("<d/>"), guest(nic("1")), guest(nic("1")), RULES) == parse("<d/>")


def test_running_member_gets_the_keys_of_its_desired_counterpart() -> None:
    stored, desired = guest(nic("2", "a", slot="3"), "<rng/>"), guest(nic("2", "a"))
    live = link_to_desired(guest(nic("1", slot="3"), "<rng/>"), stored, desired, RULES)

    called = with_desired_keys(live, RULES)

    assert (called.get("devices/nic/@mac"), called.get("devices/nic/alias/@name")) == ("2", "a")
    assert called.get("devices/nic/address/@slot") == "3"
    assert live.get("devices/nic/@mac") == "1"


@pytest.mark.parametrize(
    ("place", "form"), [("a/b", "<a><b>{}</b></a>"), ("", "{}"), ("a/@k", "<a k='{}'/>")]
)
def test_key_at_any_depth_is_copied(place: str, form: str) -> None:
    rules = Rules(members=Table({"x": Members(((place,),), Owner.SPEC, running=(("@at",),))}))
    old, new = (parse(f"<d><x at='1'>{form.format(value)}</x></d>") for value in ("old", "new"))

    called = with_desired_keys(link_to_desired(old, new, new, rules), rules)

    assert called == new


def test_steps_of_a_stored_member_are_translated_to_the_running_member() -> None:
    running = guest(nic("1", slot="3"), nic("5", "x", net="dmz"))
    stored = guest(nic("2", "a", slot="3"), nic("7", "new", net="wan"))

    assert steps_in(running, stored, ("devices", "nic[a]"), RULES) == ("devices", "nic[1]")
    assert steps_in(running, stored, ("devices", "nic[a]", "alias", "@name"), RULES) == (
        "devices", "nic[1]", "alias", "@name",
    )  # fmt: skip
    assert steps_in(running, stored, ("devices", "nic[new]"), RULES) is None
    assert steps_in(running, stored, ("devices", "nic[x]"), RULES) == ("devices", "nic[x]")
    assert steps_in(running, stored, ("cpu[1]",), RULES) == ("cpu[1]",)
    assert steps_in(parse("<d/>"), stored, ("devices", "nic[a]"), RULES) is None


@pytest.mark.case("7")
def test_list_element_matched_only_by_the_previous_spec_is_paired_with_its_new_element() -> None:
    actual = guest(nic("1", net="moved"), nic("5", net="dmz"))
    before, now = guest(nic("1"), nic("5", net="dmz")), guest(nic("2"), nic("5", net="dmz"))

    known = link_successors(actual, before, now, RULES)

    assert [c.known_as and c.known_as.attr("mac") for c in known.children[0].children] == ["2", None]
    assert link_successors(actual, None, now, RULES) is actual
    assert link_successors(actual, parse("<d/>"), now, RULES) is actual


def test_steps_are_translated_in_lists_at_the_root() -> None:
    rules = Rules(members=Table({"nic": NIC}))
    running, stored = parse(f"<d>{nic('1', slot='3')}</d>"), parse(f"<d>{nic('2', slot='3')}</d>")

    assert steps_in(running, stored, ("nic[2]",), rules) == ("nic[1]",)


@pytest.mark.case("7")
def test_edit_that_makes_a_running_member_unmatchable_is_ambiguous() -> None:
    running, stored = guest(nic("1", slot="3")), guest(nic("2", slot="3"))
    desired = guest(nic("2", net="dmz"))
    proposed = guest(nic("2", net="dmz", slot="3"))

    assert untraced(running, stored, proposed, desired) == [("devices/nic", 1, 1)]
    assert untraced(stored, stored, proposed, desired) == []
    assert untraced(running, stored, stored, guest(nic("2"))) == []


@pytest.mark.case("7")
def test_indistinguishable_running_members_are_ambiguous_if_the_spec_contains_them() -> None:
    running, stored = guest(nic("1"), nic("2")), guest(nic("8"), nic("9"))

    assert untraced(running, stored, stored, stored) == [("devices/nic", 2, 2)]
    assert untraced(running, stored, stored, parse("<d/>")) == []


@pytest.mark.case("7")
def test_member_name_is_invisible_unless_the_guest_sees_it() -> None:
    bare, named, loud = guest(nic("1")), guest(nic("1", "a")), guest(nic("1", "a", loud="1"))

    def seen(old: Node, new: Node) -> list[bool]:
        return [is_invisible(c, new, RULES) for c in diff(old, new, RULES) if c.rule != "devices/nic/@loud"]

    assert seen(bare, named) == [True]
    assert seen(guest(nic("1", "b")), named) == [True]
    assert seen(bare, loud) == [False]
    assert seen(named, bare) == [True]
    assert seen(bare, guest(nic("1", net="dmz"))) == [False]
    (change,) = diff(bare, named, RULES)
    assert not is_invisible(change, parse("<d/>"), RULES)
