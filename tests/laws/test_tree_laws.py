"""Properties of the tree operations, for any trees and rules."""

from dataclasses import replace

from hypothesis import given

from kvmreconcile.tree import (
    NONE,
    Node,
    Owner,
    Rules,
    brief,
    diff,
    forget,
    is_satisfied_by,
    locate,
    overlay,
    parse,
    paths,
    to_xml,
)
from kvmreconcile.tree.match import match
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.running import link_to_desired, link_to_proposed
from tests.laws.judge import leaves, plain, presences, says
from tests.laws.trees import ROOT, Case, cases, rules, trees


@given(cases())
def test_repeated_overlay_changes_nothing(case: Case) -> None:
    once = overlay(case.actual, case.desired, case.rules)

    assert overlay(once, case.desired, case.rules) is once


@given(trees, rules)
def test_actual_tree_satisfies_itself(actual: Node, rules: Rules) -> None:
    assert overlay(actual, actual, rules) is actual


@given(trees)
def test_tree_survives_a_round_trip_through_xml(tree: Node) -> None:
    assert parse(to_xml(tree)) == tree


@given(cases())
def test_forget_changes_nothing_if_the_spec_is_unchanged(case: Case) -> None:
    assert forget(case.actual, case.applied, case.applied, case.rules) is case.actual


@given(cases())
def test_overlay_contains_everything_in_the_spec(case: Case) -> None:
    proposed = overlay(case.actual, case.desired, case.rules)

    assert says(proposed, case.desired, case.rules)
    assert is_satisfied_by(case.desired, proposed, case.rules)


@given(cases())
def test_overlay_keeps_elements_that_the_spec_does_not_mention(case: Case) -> None:
    rules = replace(case.rules, resets=Rules().resets)
    proposed = overlay(case.actual, case.desired, rules)

    mentioned = {c.text or c.children[0].tag if c.tag == NONE else c.tag for c in case.desired.children}
    kept = [c for c in case.actual.children if c.tag not in mentioned]
    assert [c for c in proposed.children if c.tag not in mentioned] == kept
    assert all(any(c is k for c in proposed.children) for k in kept)


@given(cases())
def test_overlay_never_removes_members_of_a_shared_list(case: Case) -> None:
    """Only a list owned by the spec, or an absence marker, removes members."""
    rules = replace(case.rules, resets=Rules().resets)
    proposed = overlay(case.actual, case.desired, rules)

    denied = {c.text or c.children[0].tag for c in case.desired.children if c.tag == NONE}
    for tag in {c.tag for c in case.actual.children} - denied:
        row = rules.members.get(under("", tag))
        if row is None or row.owner is Owner.SHARED:
            assert len(list(proposed.all(tag))) >= len(list(case.actual.all(tag)))


@given(cases())
def test_elements_are_matched_one_to_one_by_tag(case: Case) -> None:
    have, want = case.actual.children, case.desired.children
    pairs = match(have, want, "", case.rules, lambda a, b: a == b).pairs

    assert len(set(pairs.values())) == len(pairs)
    assert all(want[i].tag == have[j].tag for i, j in pairs.items())


@given(cases(), trees)
def test_linking_a_running_tree_does_not_change_it(case: Case, running: Node) -> None:
    proposed = overlay(case.actual, case.desired, case.rules)

    assert link_to_desired(running, proposed, case.desired, case.rules) == running
    assert link_to_proposed(running, case.actual, proposed, case.desired, case.rules)[0] == running


@given(cases())
def test_overlay_result_contains_no_absence_marker(case: Case) -> None:
    assert NONE not in {tag for tag, _ in leaves(overlay(case.actual, case.desired, case.rules))}


@given(trees)
def test_compact_xml_is_parsed_to_the_same_tree(tree: Node) -> None:
    assert parse(brief(tree)) == tree


@given(cases())
def test_forget_adds_nothing(case: Case) -> None:
    left = forget(case.actual, case.applied, case.desired, case.rules)

    assert leaves(left) <= leaves(case.actual)


@given(cases())
def test_forget_removes_only_values_of_the_applied_spec(case: Case) -> None:
    rules = replace(case.rules, members=Rules().members, whole=Rules().whole)
    left = forget(case.actual, case.applied, case.desired, rules)

    asked = {name for name, _ in leaves(case.applied)}
    lost = {name for name, _ in (leaves(case.actual) - leaves(left)).elements()}
    assert all(name in asked or name.startswith(tuple(presences(case.applied))) for name in lost)


@given(cases())
def test_forget_keeps_values_that_are_still_in_the_spec(case: Case) -> None:
    actual = overlay(case.actual, case.desired, case.rules)
    left = forget(actual, case.applied, case.desired, case.rules)

    assert says(overlay(left, case.desired, case.rules), case.desired, case.rules)


@given(cases())
def test_forget_keeps_required_elements(case: Case) -> None:
    rules = replace(case.rules, required=paths("**"), members=Rules().members, whole=Rules().whole)

    assert leaves(forget(case.actual, case.applied, Node(ROOT), rules)) == leaves(case.actual)


@given(trees, trees, rules)
def test_diff_is_empty_if_and_only_if_trees_are_equal(old: Node, new: Node, rules: Rules) -> None:
    strict = replace(rules, ignored=paths(), members=Rules().members)

    assert (not list(diff(old, new, strict))) == (plain(old) == plain(new))


@given(trees, rules)
def test_tree_has_no_difference_from_itself(tree: Node, rules: Rules) -> None:
    assert not list(diff(tree, parse(to_xml(tree)), rules))


@given(trees, trees, rules)
def test_each_change_is_located_by_its_steps(old: Node, new: Node, rules: Rules) -> None:
    for change in diff(old, new, rules):
        if isinstance(change.old, Node):
            # Steps name parents as in the new tree, so only elements at the root are always found in the old tree.
            assert len(change.steps) > 1 or locate(old, change.steps, rules) is change.old
        elif isinstance(change.new, Node):
            assert locate(new, change.steps, rules) is change.new
        else:
            *elements, last = change.steps
            name = last if last.startswith("@") else ""
            found = locate(new, tuple(elements) if name else change.steps, rules)
            assert found is not None
            assert (found.get(name) if name else found.text or None) == change.new


@given(trees, trees, rules)
def test_changes_have_unique_steps_and_signs(old: Node, new: Node, rules: Rules) -> None:
    names = [(c.steps, c.sign) for c in diff(old, new, rules)]

    assert len(set(names)) == len(names)
