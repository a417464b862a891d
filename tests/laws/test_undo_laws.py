"""Properties of undoing a change, in definitions with a name on every element."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kvmreconcile.tree import Members, Node, Owner, Rules, Table, diff, make, undo

NAMED = Rules(members=Table({"**": Members((("@k",),), Owner.SHARED)}))
VALUES = st.sampled_from(("1", "2", ""))
OTHERS = make("theirs", {"k": "theirs"}, "kept")


def _element(name: tuple[str, str], value: str, text: str, children: list[Node]) -> Node:
    tag, key = name
    distinct = {(child.tag, child.attr("k")): child for child in children}
    attrs = {"k": key} | ({"v": value} if value else {})
    return make(tag, attrs, "" if children else text, tuple(distinct.values()))


NAMES = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))
ELEMENTS = st.recursive(
    st.builds(_element, NAMES, VALUES, VALUES, st.just([])),
    lambda inner: st.builds(_element, NAMES, VALUES, VALUES, st.lists(inner, max_size=3)),
    max_leaves=6,
)
DEFINITIONS = st.lists(ELEMENTS, max_size=4).map(lambda found: _element(("root", "r"), "", "", found))


@given(DEFINITIONS, DEFINITIONS)
def test_undo_restores_the_tree_before_the_change(before: Node, after: Node) -> None:
    left = undo(after, diff(before, after, NAMED), NAMED)

    assert not list(diff(left, before, NAMED))


@given(DEFINITIONS, DEFINITIONS)
def test_undoing_a_change_that_was_not_made_changes_nothing(before: Node, after: Node) -> None:
    assert undo(before, diff(before, after, NAMED), NAMED) is before


@given(DEFINITIONS, DEFINITIONS)
def test_undo_is_idempotent(before: Node, after: Node) -> None:
    changes = tuple(diff(before, after, NAMED))
    once = undo(after, changes, NAMED)

    assert undo(once, changes, NAMED) is once


@given(DEFINITIONS, DEFINITIONS)
def test_undo_keeps_additions_of_other_tools(before: Node, after: Node) -> None:
    now = replace(after, children=(OTHERS, *after.children))

    assert OTHERS in undo(now, diff(before, after, NAMED), NAMED).children
