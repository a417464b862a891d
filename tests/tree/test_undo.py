"""Undoing changes in a definition, and copying parts of another definition: one situation per test."""

import pytest

from kvmreconcile.tree import (
    Change,
    Members,
    Node,
    Owner,
    Rules,
    Scalar,
    Table,
    diff,
    holds,
    make,
    overlap,
    parse,
    paths,
    put,
    transplant,
    undo,
    value_at,
)

RULES = Rules(
    members=Table({"disk": Members((("@id",), ("@dev",)), Owner.SPEC)}),
    scalars=Table({"machine": Scalar(str.lower)}),
    containers=paths("tune", "disk/limits"),
)


def undone(now: str, before: str, after: str) -> Node:
    """Return a definition after the change between two other definitions is undone in it."""
    changes = diff(parse(before), parse(after), RULES)
    return undo(parse(now), changes, RULES)


def test_change_is_undone_if_the_new_value_was_not_modified() -> None:
    before = '<d><m>1</m><disk id="a" cache="no"/><disk id="b"/></d>'
    after = '<d><m>2</m><disk id="a" cache="yes"/><disk id="c"/><n/></d>'

    assert not list(diff(undone(after, before, after), parse(before), RULES))


def test_undo_keeps_additions_by_other_tools() -> None:
    left = undone('<d t="x"><m>2</m><disk id="a" x="1"/></d>', "<d><m>1</m></d>", "<d><m>2</m></d>")

    assert left == parse('<d t="x"><m>1</m><disk id="a" x="1"/></d>')


@pytest.mark.parametrize(
    "now", ["<d><m>3</m></d>", "<d/>", '<d><m>3</m><disk id="a"/></d>', "<d><m>1</m></d>"]
)
def test_undo_keeps_later_changes_by_other_tools(now: str) -> None:
    tree = parse(now)

    assert undo(tree, diff(parse("<d><m>1</m></d>"), parse("<d><m>2</m></d>"), RULES), RULES) is tree


def test_undo_removes_new_element_with_additions_unless_modified() -> None:
    before, after = "<d/>", '<d><disk id="a" cache="no"/></d>'

    assert undone('<d><disk id="a" cache="no" io="1"/></d>', before, after) == parse("<d/>")
    assert undone('<d><disk id="a" cache="yes"/></d>', before, after).child("disk")


def test_removed_element_is_restored_unless_replaced_by_another() -> None:
    before, after = '<d><disk id="a" cache="no"/><z/></d>', "<d><z/></d>"

    assert undone(after, before, after).get("disk/@cache") == "no"
    assert undone('<d><disk id="a" cache="yes"/></d>', before, after).get("disk/@cache") == "yes"


def test_values_are_compared_in_canonical_spelling() -> None:
    left = undone(
        "<d><machine>Q35</machine></d>", "<d><machine>pc</machine></d>", "<d><machine>q35</machine></d>"
    )

    assert left.get("machine") == "pc"


def test_undo_restores_the_text_of_an_element() -> None:
    assert undone("<d><m>1</m></d>", "<d><m/></d>", "<d><m>1</m></d>") == parse("<d><m/></d>")
    assert undone("<d><m/></d>", "<d><m>1</m></d>", "<d><m/></d>") == parse("<d><m>1</m></d>")


def test_parent_elements_are_added_and_removed_with_their_content() -> None:
    empty, full = "<d/>", "<d><tune><shares>1</shares></tune></d>"

    assert undone(full, empty, full) == parse(empty)
    assert undone(empty, full, empty) == parse(full)
    half = "<d><tune><shares>1</shares><quota>2</quota></tune></d>"
    assert undone(half, empty, full) == parse("<d><tune><quota>2</quota></tune></d>")


def test_part_of_a_removed_element_is_not_restored_without_the_element() -> None:
    before, after = '<d><cpu mode="a"/></d>', '<d><cpu mode="b"/></d>'
    change = Change(("cpu", "@mode"), "cpu/@mode", "a", None)

    assert undone("<d/>", before, after) == parse("<d/>")
    assert undo(parse("<d/>"), [change], RULES) == parse("<d/>")


def test_members_with_the_same_name_are_undone_in_reverse_order() -> None:
    before, after = "<d/>", '<d><disk id="a"/><disk id="a" x="2"/></d>'

    assert undone(after, before, after) == parse("<d/>")


def test_change_of_the_whole_object_is_not_undone() -> None:
    tree = parse("<d/>")

    assert undo(tree, [Change((), "", None, tree)], RULES) is tree


def test_change_is_in_effect_if_the_tree_has_its_new_value() -> None:
    change = Change(("disk[a]",), "disk", make("disk", {"id": "a"}), None)

    assert holds(change, parse("<d/>"), RULES)
    assert not holds(change, parse('<d><disk id="a"/></d>'), RULES)


def test_places_overlap_if_one_contains_the_other() -> None:
    assert overlap(("disk[a]",), ("disk[a]", "@cache"))
    assert overlap(("disk[a]", "@cache"), ("disk[a]",))
    assert not overlap(("disk[a]", "@cache"), ("disk[a]", "@io"))


@pytest.mark.parametrize(
    ("wanted", "source", "steps", "made"),
    [
        ("<d><m>2</m></d>", "<d><m u='k'>1</m></d>", ("m",), "<d><m u='k'>1</m></d>"),
        ("<d><m>2</m></d>", "<d/>", ("m",), "<d/>"),
        ("<d/>", "<d><m>1</m></d>", ("m",), "<d><m>1</m></d>"),
        ("<d/>", "<d/>", ("m",), "<d/>"),
        ("<d><cpu mode='b'/></d>", "<d><cpu mode='a'/></d>", ("cpu", "@mode"), "<d><cpu mode='a'/></d>"),
        ("<d><cpu mode='b'/></d>", "<d><cpu/></d>", ("cpu", "@mode"), "<d><cpu/></d>"),
        # A parent with this part alone would be a different element.
        ("<d/>", "<d><cpu mode='a' x='1'/></d>", ("cpu", "@mode"), "<d><cpu mode='a' x='1'/></d>"),
        ("<d/>", "<d><tune><s>1</s><q>2</q></tune></d>", ("tune", "s"), "<d><tune><s>1</s></tune></d>"),
        ("<d><tune><s>1</s></tune></d>", "<d/>", ("tune", "s"), "<d/>"),
        (
            "<d><disk id='a'/></d>",
            "<d><disk id='a'><limits><s>1</s></limits></disk></d>",
            ("disk[a]", "limits", "s"),
            "<d><disk id='a'><limits><s>1</s></limits></disk></d>",
        ),
        # The other tree may name the disk by another of its keys.
        (
            "<d><disk dev='x' cache='b'/></d>",
            "<d><disk id='a' dev='x' cache='a'/></d>",
            ("disk[x]", "@cache"),
            "<d><disk dev='x' cache='a'/></d>",
        ),
    ],
)
def test_part_is_copied_from_another_tree(
    wanted: str, source: str, steps: tuple[str, ...], made: str
) -> None:
    assert transplant(parse(wanted), parse(source), steps, RULES) == parse(made)


def test_transplant_with_empty_steps_copies_nothing() -> None:
    assert transplant(parse("<d/>"), parse("<d><m/></d>"), (), RULES) == parse("<d/>")


def test_text_is_set_only_in_an_existing_element() -> None:
    assert put(parse("<d/>"), ("m",), "1", RULES) == parse("<d/>")
    assert put(parse("<d><m/></d>"), ("m",), "1", RULES) == parse("<d><m>1</m></d>")


def test_value_of_an_absent_element_is_absent() -> None:
    assert value_at(parse("<d/>"), ("m", "@u"), RULES) is None
    assert value_at(parse("<d/>"), (), RULES) == parse("<d/>")
