"""A bug in a comparison holds one object, and all other objects are planned."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Actual, Desired, Hold
from kvmreconcile.plan import plan
from kvmreconcile.tree import Node
from tests.plan.worlds import BOOKS, PLACES, done, seen, wish, world

WEB = wish("Network/web", "<network><mtu>1400</mtu></network>")
DB = wish("Network/db", "<network><mtu>1400</mtu></network>")


def crash_for_one(desired: Desired, _actual: Actual, _before: Node | None) -> Node:
    """Raise an exception for one object."""
    if desired.key == WEB.key:
        raise ZeroDivisionError
    return desired.tree


@pytest.mark.case("18")
def test_object_whose_comparison_crashes_is_held_and_others_are_planned() -> None:
    crashing = replace(BOOKS["Network"], relocation=replace(PLACES, keep_sources=crash_for_one))
    there = [seen(each, "<network><mtu>1300</mtu></network>") for each in (WEB, DB)]

    made = plan(world([WEB, DB], there), {**BOOKS, "Network": crashing})

    assert done(made) == ["define Network/db"]
    assert [(h.action.key, h.hold) for h in made.held] == [(WEB.key, Hold.CRASHED)]
    assert made.held[0].detail.startswith("comparing it raised ZeroDivisionError at test_crashes.py:")
    assert isinstance(made.crashes[WEB.key], ZeroDivisionError)
