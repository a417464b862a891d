"""Objects that cannot be active and whose definitions are stored as a whole, such as filters."""

from dataclasses import replace

from kvmreconcile.model import Plan, World
from kvmreconcile.plan import plan
from kvmreconcile.plan.gates.refused_edits import is_in_force
from tests.plan.worlds import BOOKS, done, remembered, seen, wish, world

FILTERS = replace(BOOKS["Network"], has_lifecycle=False)
FORMER = wish("Network/lan", "<network><mtu>1300</mtu></network>")
FILTER = wish("Network/lan", "<network><mtu>1400</mtu></network>")


def planned(now: World) -> Plan:
    return plan(now, {**BOOKS, "Network": FILTERS})


def test_new_filter_is_created_and_not_started() -> None:
    assert done(planned(world([FILTER]))) == ["create Network/lan"]


def test_edited_filter_is_redefined_without_pending_changes() -> None:
    made = planned(world([FILTER], [seen(FORMER)], [remembered(FORMER)]))

    assert done(made) == ["define Network/lan"]
    assert made.pending == {}


def test_filter_whose_creation_was_interrupted_is_redefined() -> None:
    unfinished = replace(remembered(FILTER), complete=False)

    assert done(planned(world([FILTER], [seen(FORMER)], [unfinished]))) == ["define Network/lan"]


def test_stored_edit_of_filter_is_in_effect_at_once() -> None:
    assert is_in_force(FILTER, seen(FORMER), None, FILTERS)
