"""Matching the elements of two trees, one situation per test."""

import pytest

from kvmreconcile.tree import Members, Owner, Rules, Scalar, Table, diff, forget, overlay, parse, to_xml
from kvmreconcile.tree.match import match
from kvmreconcile.tree.running import ambiguities

DISK = Members(
    (("@name",), ("@dev",)),
    Owner.SPEC,
    fallback=(("@dev",), ("@kind=disk|", "source/@file"), ("@kind=cdrom", "@bus"), ("@kind=cdrom",)),
    claims=(("@kind=disk|", "source/@file"), ("@kind=disk|", "source/@dev")),
    running=(("@name",),),
    advice="name them",
)
NIC = Members(
    (("@mac",),),
    Owner.SPEC,
    fallback=(("@net", "@model"), ("@net",)),
    running=(("@mac",),),
    advice="name them",
)
DIMM = Members((("@name",),), Owner.SPEC, running=(("@name",),), advice="name them")
RULES = Rules(
    members=Table({"disk": DISK, "nic": NIC, "dimm": DIMM}), scalars=Table({"nic/@mac": Scalar(str.lower)})
)
SHARED = Rules(members=Table({"disk": Members(DISK.keys, Owner.SHARED, fallback=DISK.fallback)}))


def laid(actual: str, desired: str, rules: Rules = RULES) -> str:
    """Return a definition with a spec applied, on one line."""
    return flat(to_xml(overlay(parse(actual), parse(desired), rules)))


def flat(xml: str) -> str:
    return xml.replace("\n", "").replace("  ", "")


def unclear(actual: str, desired: str, before: str | None = None) -> list[tuple[str, int, int]]:
    """Return each ambiguous list, with the number of existing and of desired members."""
    earlier = parse(before) if before else None
    return [
        (d.path, len(d.have), len(d.want)) for d in ambiguities(parse(actual), earlier, parse(desired), RULES)
    ]


def disk(file: str, **attrs: str) -> str:
    said = "".join(f' {name}="{value}"' for name, value in attrs.items())
    return f'<disk{said}><source file="{file}"/></disk>'


@pytest.mark.case("7")
def test_disk_with_changed_target_is_matched_by_source() -> None:
    assert laid(f"<d>{disk('a', dev='vda', slot='3')}</d>", f"<d>{disk('a', dev='vdb')}</d>") == (
        f"<d>{disk('a', dev='vdb', slot='3')}</d>"
    )


@pytest.mark.case("7")
def test_renamed_member_is_matched_by_its_other_key() -> None:
    assert laid(
        f"<d>{disk('a', dev='vda', name='old', slot='3')}</d>", '<d><disk dev="vda" name="new"/></d>'
    ) == (f"<d>{disk('a', dev='vda', name='new', slot='3')}</d>")


def test_disk_with_changed_source_and_target_is_a_new_disk() -> None:
    assert laid(f"<d>{disk('a', dev='vda', slot='3')}</d>", f"<d>{disk('b', dev='vdb')}</d>") == (
        f"<d>{disk('b', dev='vdb')}</d>"
    )


def test_equal_target_takes_precedence_over_equal_source() -> None:
    swapped = laid(
        f"<d>{disk('a', dev='vda')}{disk('b', dev='vdb')}</d>",
        f"<d>{disk('b', dev='vda')}{disk('a', dev='vdb')}</d>",
    )

    assert swapped == f"<d>{disk('b', dev='vda')}{disk('a', dev='vdb')}</d>"


def known(actual: str, desired: str) -> list[tuple[str | None, str | None]]:
    """Return the target of each remaining disk and its slot, which identifies the former disk."""
    laid_over = overlay(parse(f"<d>{actual}</d>"), parse(f"<d>{desired}</d>"), RULES)
    return sorted((d.attr("dev"), d.attr("slot")) for d in laid_over.children)


A, B, C = (disk(file, dev=f"vd{file}", slot=file) for file in "abc")


@pytest.mark.case("7")
def test_disks_with_renumbered_targets_keep_their_sources() -> None:
    assert known(A + B + C, disk("a", dev="vda") + disk("c", dev="vdb")) == [("vda", "a"), ("vdb", "c")]
    assert known(A + B, disk("a", dev="vdb") + disk("b", dev="vdc")) == [("vdb", "a"), ("vdc", "b")]
    assert known(A + B + C, disk("b", dev="vda") + disk("c", dev="vdb") + disk("x", dev="vdd")) == [
        ("vda", "b"),
        ("vdb", "c"),
        ("vdd", None),
    ]


def test_match_by_source_takes_precedence_over_a_new_disk_with_the_old_target() -> None:
    # Matching by target would leave no disk unmatched, but the sources are what is exchanged.
    assert known(A + B, disk("b", dev="vda") + disk("a", dev="vdb")) == [("vda", "a"), ("vdb", "b")]
    assert known(A + B, disk("x", dev="vda") + disk("a", dev="vdb") + disk("b", dev="vdc")) == [
        ("vda", "a"),
        ("vdb", "b"),
        ("vdc", None),
    ]


def test_named_disks_and_disks_with_duplicate_sources_are_not_matched_by_source() -> None:
    named = disk("b", dev="vdb", slot="b", name="n")
    assert known(A + named, disk("a", dev="vdc", name="n")) == [("vdc", "b")]
    twice = disk("a", dev="vdb", slot="b") + disk("a", dev="vdc", slot="c")
    assert known(A + twice, disk("a", dev="vdb") + disk("x", dev="vdc")) == [("vdb", "b"), ("vdc", "c")]
    both = '<disk dev="vd{}" slot="{}"><source file="{}" dev="{}"/></disk>'.format
    assert known(
        both("a", "a", "1", "2") + both("b", "b", "3", "4"), both("b", "", "1", "4").replace(' slot=""', "")
    ) == [("vdb", "a")]


@pytest.mark.case("7")
def test_cdrom_drive_is_matched_by_bus_but_not_by_medium() -> None:
    drive = '<d><disk kind="cdrom" bus="{}" dev="{}" slot="{}">{}</disk></d>'.format
    medium = '<source file="a"/>'
    one, other = drive("sata", "sda", "3", medium), drive("usb", "sdb", "4", medium)

    assert laid(one, '<d><disk kind="cdrom" bus="sata" dev="sdc"/></d>') == (
        '<d><disk bus="sata" dev="sdc" kind="cdrom" slot="3"><source file="a"/></disk></d>'
    )
    both = f"<d>{one[3:-4]}{other[3:-4]}</d>"
    assert '<disk bus="usb" dev="sdc" kind="cdrom" slot="4">' in laid(
        both, '<d><disk kind="cdrom" bus="sata" dev="sda"/><disk kind="cdrom" bus="usb" dev="sdc"/></d>'
    )
    assert 'slot="3"' not in laid(one, f"<d>{disk('a', dev='vda')}</d>")
    # The bus may be omitted; then the drive is matched as the only one.
    assert 'slot="3"' in laid(one, '<d><disk kind="cdrom" dev="sdc"/></d>')


@pytest.mark.case("7")
def test_only_remaining_interface_on_a_network_is_matched_despite_changed_mac() -> None:
    one, other = '<nic mac="1" net="lan" model="a" slot="3"/>', '<nic mac="2" net="dmz" model="a" slot="4"/>'

    edited = laid(f"<d>{one}{other}</d>", '<d><nic mac="2"/><nic mac="9" net="lan"/></d>')

    assert '<nic mac="9" model="a" net="lan" slot="3"/>' in edited
    assert '<nic mac="2" model="a" net="dmz" slot="4"/>' in edited


def test_members_with_different_longer_keys_do_not_match_by_a_shorter_key() -> None:
    assert laid('<d><nic mac="1" net="lan" model="a"/></d>', '<d><nic mac="2" net="lan" model="b"/></d>') == (
        '<d><nic mac="2" model="b" net="lan"/></d>'
    )


def test_longer_key_selects_one_of_two_interfaces_on_a_network() -> None:
    two = '<d><nic mac="1" net="lan" model="a"/><nic mac="2" net="lan" model="b"/></d>'
    wanted = '<d><nic mac="3" net="lan" model="b"/><nic mac="4" net="lan"/></d>'

    assert unclear(two, wanted) == []
    assert laid(two, wanted) == '<d><nic mac="4" model="a" net="lan"/><nic mac="3" model="b" net="lan"/></d>'


@pytest.mark.case("7")
def test_several_candidates_are_ambiguous() -> None:
    two = '<d><nic mac="1" net="lan"/><nic mac="2" net="lan"/></d>'

    assert unclear(two, '<d><nic mac="3" net="lan"/><nic mac="4" net="lan"/></d>') == [("nic", 2, 2)]
    assert unclear(two, '<d><nic mac="3" net="lan"/></d>') == [("nic", 2, 1)]
    assert unclear(
        '<d><nic mac="1" net="lan"/></d>', '<d><nic mac="3" net="lan"/><nic mac="4" net="lan"/></d>'
    ) == [("nic", 1, 2)]
    for certain in (
        '<d><nic mac="1" net="lan"/><nic mac="3" net="lan"/></d>',
        '<d><nic mac="1" net="lan"/></d>',
        '<d><nic mac="1" net="lan"/><nic mac="2" net="lan"/><nic mac="3" net="lan"/></d>',
        '<d><nic mac="3" net="dmz"/><nic mac="4" net="dmz"/></d>',
        "<d/>",
    ):
        assert unclear(two, certain) == []


@pytest.mark.case("7")
def test_indistinguishable_members_are_ambiguous_unless_one_is_left_on_each_side() -> None:
    two = '<d><dimm size="1"/><dimm size="2"/></d>'

    assert unclear(two, '<d><dimm size="3"/><dimm size="4"/></d>') == [("dimm", 2, 2)]
    assert unclear(two, '<d><dimm size="1"/><dimm size="4"/></d>') == []
    assert unclear('<d><dimm name="a" size="1"/></d>', '<d><dimm name="b"/><dimm name="c"/></d>') == []


def test_ignored_members_are_not_ambiguous() -> None:
    two, other = '<d><dimm size="1"/><dimm size="2"/></d>', '<d><dimm size="3"/><dimm size="4"/></d>'
    rules = Rules(members=RULES.members, ignored=Table({"dimm": True}))

    assert list(ambiguities(parse(two), None, parse(other), rules)) == []


def test_member_added_by_another_tool_is_not_matched_as_the_last_one_remaining() -> None:
    theirs = f"<d>{disk('a', dev='vda')}</d>"

    assert laid(theirs, f"<d>{disk('a', dev='vdb')}</d>", SHARED).count("<disk") == 2


@pytest.mark.case("7")
def test_member_of_a_shared_list_is_matched_through_the_earlier_spec() -> None:
    actual = parse(f"<d>{disk('a', dev='vda', slot='3')}{disk('b', dev='vdb')}</d>")
    before, now = (parse(f"<d>{disk('a', dev=dev)}</d>") for dev in ("vda", "vdc"))

    left = forget(actual, before, now, SHARED)
    proposed = overlay(left, now, SHARED)

    assert flat(to_xml(proposed)) == f"<d>{disk('a', dev='vdc', slot='3')}{disk('b', dev='vdb')}</d>"
    assert overlay(proposed, now, SHARED) is proposed
    # A member that is compared with the linked one is matched, too.
    assert [(c.sign, c.path) for c in diff(actual, proposed, SHARED)] == [("~", "disk[vdc]/@dev")]
    assert [c.sign for c in diff(proposed, overlay(proposed, now, SHARED), SHARED)] == []


def test_removed_member_is_not_confused_with_a_similar_member_that_remains() -> None:
    actual = parse(f"<d>{disk('a', dev='vda')}{disk('a', dev='vdb')}</d>")
    before, now = (parse(f"<d>{disk('a', dev=dev)}</d>") for dev in ("vda", "vdb"))

    assert flat(to_xml(forget(actual, before, now, SHARED))) == f"<d>{disk('a', dev='vdb')}</d>"


@pytest.mark.case("7")
def test_spec_members_match_each_other_if_both_match_the_same_actual_member() -> None:
    actual = parse('<d><disk name="x" dev="vda" slot="3"/><disk name="y" dev="vdb" slot="4"/></d>')
    before = parse('<d><disk name="x" cache="on"/><disk name="y"/></d>')
    now = parse('<d><disk dev="vda"/><disk dev="vdb"/></d>')

    assert flat(to_xml(forget(actual, before, now, RULES))) == (
        '<d><disk dev="vda" slot="3"/><disk dev="vdb" slot="4"/></d>'
    )


@pytest.mark.case("7")
def test_members_of_the_earlier_spec_with_several_candidates_are_ambiguous() -> None:
    host = '<d><nic mac="1" net="lan"/><nic mac="2" net="lan"/></d>'
    now = '<d><nic mac="3" net="lan"/><nic mac="4" net="lan"/></d>'

    assert unclear(host, now, before=host) == [("nic", 2, 2)] * 2
    assert unclear(host, host, before=now) == []


def test_all_attributes_of_an_element_form_a_key_in_any_spelling() -> None:
    rules = Rules(
        members=Table({"nic": Members((("address/@*",),), Owner.SPEC)}),
        scalars=Table({"nic/address/@bus": Scalar(lambda text: str(int(text, 0)))}),
    )

    def pairs(want: str) -> dict[int, int]:
        have = parse('<d><nic/><nic><address bus="0x03" slot="0"/></nic></d>').children
        return match(have, parse(f"<d>{want}</d>").children, "", rules, lambda _a, _b: False).pairs

    assert pairs('<nic><address slot="0" bus="3"/></nic>') == {0: 1}
    assert pairs('<nic><address slot="0" bus="4"/></nic>') == {}
    assert pairs("<nic/>") == {}


def test_attributes_of_a_member_itself_can_be_its_key() -> None:
    rules = Rules(members=Table({"nic": Members((("@*",),), Owner.SPEC)}))

    assert (
        laid('<d><nic a="1"><x/></nic></d>', '<d><nic a="1"/></d>', rules) == '<d><nic a="1"><x/></nic></d>'
    )
