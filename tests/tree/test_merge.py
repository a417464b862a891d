"""Merging a spec into a definition, one situation per test; general properties are in tests/laws."""

from typing import Any

from kvmreconcile.tree import (
    NONE,
    CreationDefaults,
    Measure,
    Members,
    Node,
    Owner,
    Reset,
    Rules,
    Scalar,
    Table,
    diff,
    forget,
    overlay,
    parse,
    paths,
    to_xml,
)
from kvmreconcile.tree.scalars import path, stripped


def laid(actual: str, desired: str | Node, **tables: Any) -> str:
    """Return a definition with a spec applied, on one line."""
    wanted = parse(desired) if isinstance(desired, str) else desired
    return to_xml(overlay(parse(actual), wanted, Rules(**tables))).replace("\n", "").replace("  ", "")


def left(actual: str, applied: str, desired: str, **tables: Any) -> str:
    """Return a definition after values were dropped from a spec."""
    node = forget(parse(actual), parse(applied), parse(desired), Rules(**tables))
    return to_xml(node).replace("\n", "").replace("  ", "")


DISKS = Table({"disk": Members((("@id",), ("@dev",)), Owner.SPEC)})
PORTS = Table({"port": Members((("@id",),), Owner.SHARED)})
ORDERED = Table({"arg": Members((), Owner.ORDERED)})


def test_unlisted_member_is_removed_only_from_a_list_owned_by_the_spec() -> None:
    assert (
        laid('<d><disk id="1"/><disk id="2"/></d>', '<d><disk id="1"/></d>', members=DISKS)
        == '<d><disk id="1"/></d>'
    )
    assert (
        laid('<d><port id="1"/><port id="2"/></d>', '<d><port id="1"/></d>', members=PORTS).count("port") == 2
    )


def test_list_that_the_spec_does_not_mention_is_kept() -> None:
    assert laid('<d><disk id="1"/></d>', "<d/>", members=DISKS) == '<d><disk id="1"/></d>'


def test_members_match_by_the_next_key_if_the_best_is_missing() -> None:
    assert laid('<d><disk dev="a" x="1"/></d>', '<d><disk dev="a" id="9"/></d>', members=DISKS) == (
        '<d><disk dev="a" id="9" x="1"/></d>'
    )


def test_members_with_different_best_keys_do_not_match_by_the_next_key() -> None:
    assert laid('<d><disk id="1" dev="a"/></d>', '<d><disk id="2" dev="a"/></d>', members=DISKS) == (
        '<d><disk dev="a" id="2"/></d>'
    )


def test_member_without_a_key_matches_by_content() -> None:
    xml = '<d><port x="1"/><port x="2"/></d>'

    assert laid(xml, '<d><port x="2"/></d>', members=PORTS) == xml


def test_single_member_on_each_side_matches_without_a_key() -> None:
    assert laid('<d><port x="1"/></d>', '<d><port y="2"/></d>', members=PORTS) == '<d><port x="1" y="2"/></d>'


def test_matching_hint_takes_precedence_over_keys() -> None:
    rows = Table({"c": Members((("@t",),), hints=(("@t", "@m"),))})
    xml = '<d><c t="usb" m="a"/><c t="usb" m="b"/></d>'

    assert laid(xml, '<d><c t="usb" m="b" x="1"/></d>', members=rows) == (
        '<d><c m="a" t="usb"/><c m="b" t="usb" x="1"/></d>'
    )


def test_ordered_list_gets_the_order_of_the_spec() -> None:
    assert (
        laid("<d><arg>a</arg><arg>b</arg></d>", "<d><arg>b</arg></d>", members=ORDERED)
        == "<d><arg>b</arg></d>"
    )


def test_new_member_is_inserted_after_the_last_member_with_its_tag() -> None:
    assert laid('<d><port id="1"/><z/></d>', '<d><port id="2"/></d>', members=PORTS) == (
        '<d><port id="1"/><port id="2"/><z/></d>'
    )


def test_absence_marker_removes_all_elements_with_a_tag() -> None:
    assert laid("<d><a/><b/></d>", Node("d", children=(Node(NONE, (), "a"),))) == "<d><b/></d>"


def test_absence_marker_with_children_removes_matching_elements_only() -> None:
    mark = Node(NONE, (), "a", (parse('<a x="1"/>'),))

    assert laid('<d><a x="1" y="2"/><a x="2"/></d>', Node("d", children=(mark,))) == '<d><a x="2"/></d>'


def test_implied_value_is_written_only_to_replace_another_value() -> None:
    implied = Table({"a/@x": "no"})

    assert laid("<d/>", '<d><a x="no"/></d>', implied=implied) == "<d/>"
    assert laid("<d><a/></d>", '<d><a x="no"/></d>', implied=implied) == "<d><a/></d>"
    assert laid('<d><a x="yes"/></d>', '<d><a x="no"/></d>', implied=implied) == '<d><a x="no"/></d>'
    assert laid("<d/>", '<d><a x="no" y="1"/></d>', implied=implied) == '<d><a x="no" y="1"/></d>'
    assert laid("<d/>", "<d><a>4</a></d>", implied=Table({"a": "3"})) == "<d><a>4</a></d>"


def test_member_with_only_implied_values_is_created() -> None:
    assert laid("<d/>", '<d><port x="no"/></d>', members=PORTS, implied=Table({"port/@x": "no"})) != "<d/>"


def test_creation_only_value_is_set_on_new_elements_only() -> None:
    rows = paths("port/@owner", "port/seed")
    wish = '<d><port id="a" owner="1"><seed>2</seed><size>3</size></port></d>'
    older = '<d><port id="a" owner="7"/></d>'

    assert laid("<d/>", wish, members=PORTS, at_creation=rows) == wish
    assert laid(older, wish, members=PORTS, at_creation=rows) == (
        '<d><port id="a" owner="7"><size>3</size></port></d>'
    )


def test_values_in_another_spelling_and_accepted_values_are_not_changes() -> None:
    rows = Table(
        {"p": Scalar(path), "@m": Scalar(stripped, accepts=lambda want, have: have.startswith(want))}
    )
    xml = '<d m="q35-7.2"><p>/a/b</p></d>'

    assert laid(xml, '<d m="q35"><p>/a//b/</p></d>', scalars=rows) == xml


def test_size_in_another_unit_is_not_a_change_and_a_changed_size_sets_its_unit() -> None:
    rows = Table({"m": Measure(), "c": Measure(value="@size", default="B", step=1)})

    assert laid('<d><m unit="KiB">1024</m></d>', '<d><m unit="MiB">1</m></d>', measures=rows) == (
        '<d><m unit="KiB">1024</m></d>'
    )
    assert laid("<d><m>1024</m></d>", '<d><m unit="MiB">1</m></d>', measures=rows) == "<d><m>1024</m></d>"
    assert laid('<d><m unit="MiB">1</m></d>', "<d><m>2048</m></d>", measures=rows) == "<d><m>2048</m></d>"
    assert laid('<d><c size="1" unit="KiB"/></d>', '<d><c size="1024"/></d>', measures=rows) == (
        '<d><c size="1" unit="KiB"/></d>'
    )
    assert (
        laid("<d><m>5</m></d>", '<d><m unit="MiB">5</m></d>', measures=rows) == '<d><m unit="MiB">5</m></d>'
    )
    assert laid("<d><m>many</m></d>", "<d><m>few</m></d>", measures=rows) == "<d><m>few</m></d>"
    assert laid('<d><m x="1">1</m></d>', '<d><m x="2"/></d>', measures=rows) == '<d><m x="2">1</m></d>'


def test_derived_value_is_removed_when_its_source_changes_unless_in_spec() -> None:
    rows = Table({"disk": (Reset("@bus", ("address", "@slot")), Reset("target", ("x/y",)))})
    xml = '<d><disk bus="a" slot="1"><address/><x><y/></x></disk></d>'

    assert laid(xml, '<d><disk bus="b"/></d>', resets=rows) == '<d><disk bus="b"><x><y/></x></disk></d>'
    assert laid(xml, '<d><disk bus="b"><address z="1"/></disk></d>', resets=rows) == (
        '<d><disk bus="b"><address z="1"/><x><y/></x></disk></d>'
    )
    assert laid("<d><disk/></d>", '<d><disk bus="b"/></d>', resets=rows) == '<d><disk bus="b"/></d>'


def test_new_member_gets_the_first_matching_creation_defaults() -> None:
    rows = Table(
        {
            "port": (
                CreationDefaults(parse('<port y="2"/>'), (("@id", "7"),)),
                CreationDefaults(parse('<port y="3"/>')),
            )
        }
    )

    assert laid("<d/>", '<d><port id="7"/></d>', creation_defaults=rows) == '<d><port id="7" y="2"/></d>'
    assert (
        laid("<d/>", '<d><port id="8" y="1"/></d>', creation_defaults=rows) == '<d><port id="8" y="1"/></d>'
    )


def test_ignored_path_is_not_changed() -> None:
    ignored = paths("@x", "a")
    actual, desired = parse('<d x="1"><a>1</a></d>'), parse('<d x="2"><a>2</a></d>')

    assert overlay(actual, desired, Rules(ignored=ignored)) is actual
    assert not list(diff(actual, desired, Rules(ignored=ignored)))


def test_text_between_elements_is_kept() -> None:
    assert laid("<d/>", "<d><m>some <b/> words</m></d>") == "<d><m>some <b/> words</m></d>"
    assert laid("<d><m><b/></m></d>", "<d><m><b/> words</m></d>") == "<d><m><b/> words</m></d>"


def test_values_removed_from_spec_are_removed_and_those_of_other_tools_kept() -> None:
    assert left('<d><a x="1" y="2">t</a></d>', '<d><a x="1">t</a></d>', "<d/>") == '<d><a y="2"/></d>'
    assert left('<d><a x="1"/></d>', '<d><a x="1"/></d>', "<d/>") == "<d/>"
    assert (
        left('<d><a x="1" y="2"/></d>', '<d><a x="1" y="2"/></d>', '<d><a y="2"/></d>') == '<d><a y="2"/></d>'
    )


def test_member_removed_from_spec_is_removed_with_additions_of_other_tools() -> None:
    assert left('<d><disk id="1" y="2"/></d>', '<d><disk id="1"/></d>', "<d/>", members=DISKS) == "<d/>"
    assert left('<d><a x="1" y="2"/></d>', '<d><a x="1"/></d>', "<d/>", whole=paths("a")) == "<d/>"


def test_required_value_is_kept_when_removed_from_spec() -> None:
    xml = '<d><a x="1">t</a></d>'

    assert left(xml, xml, "<d/>", required=paths("a", "a/@x")) == xml
    assert left("<d><a><b/></a></d>", "<d><a><b/></a></d>", "<d/>", required=paths("a")) == "<d><a/></d>"


def test_value_removed_from_spec_may_already_be_absent() -> None:
    assert left("<d/>", "<d><a/></d>", "<d/>") == "<d/>"


def test_added_or_removed_parent_element_is_reported_as_changes_of_its_content() -> None:
    rules = Rules(containers=paths("tune", "tune/inner"))
    full, bare = parse('<d><tune><x>1</x><inner y="2"/></tune></d>'), parse("<d/>")

    assert [(c.sign, c.path) for c in diff(bare, full, rules)] == [("+", "tune/x"), ("+", "tune/inner/@y")]
    assert [(c.sign, c.path) for c in diff(full, bare, rules)] == [("-", "tune/x"), ("-", "tune/inner/@y")]


def test_new_elements_follow_the_last_element_with_their_tag_in_spec_order() -> None:
    actual = parse("<domain><arg v='1'/><arg v='2'/><memory>1</memory></domain>")
    rules = Rules(members=Table({"arg": Members((("@v",),), Owner.SHARED)}))

    merged = overlay(actual, parse("<domain><arg v='3'/><arg v='4'/></domain>"), rules)

    assert [child.attr("v") or child.tag for child in merged.children] == ["1", "2", "3", "4", "memory"]
