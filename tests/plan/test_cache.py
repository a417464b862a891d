"""The comparison cache: only changed objects are compared again."""

from dataclasses import replace

from kvmreconcile.model import Actual, Desired, DivergedSource, Key, Lookup, World
from kvmreconcile.plan import ComparisonCache, plan
from kvmreconcile.tree import Node
from tests.plan.worlds import BOOKS, PLACES, remembered, seen, wish, world

WEB = wish("Domain/web", '<domain><disk dev="vda"/></domain>')
IMAGE, OTHER = Key("Volume", "default/web"), Key("Volume", "default/other")


class Passes:
    """Plans for a sequence of worlds, with one cache."""

    def __init__(self) -> None:
        self.book = replace(BOOKS["Domain"], relocation=replace(PLACES, find_diverged=self._count))
        self.keys: list[Key] = []
        self.cache = ComparisonCache()

    def compared(self, now: World) -> int:
        """Return how many objects a plan for this world compares."""
        before = len(self.keys)
        plan(now, {**BOOKS, "Domain": self.book}, cache=self.cache)
        return len(self.keys) - before

    def _count(
        self, _desired: Desired, actual: Actual, _before: Node | None, lookup: Lookup
    ) -> list[DivergedSource]:
        """Count the comparison of an object that depends on a volume."""
        self.keys.append(actual.key)
        return [] if lookup(IMAGE) is None else [DivergedSource("it", "there", "not there")]


def here(desired: Desired = WEB, actual: Actual | None = None, *others: Actual) -> World:
    return world([desired], [actual or seen(desired), *others], [remembered(desired)])


def test_unchanged_object_is_not_compared_again() -> None:
    passes = Passes()

    assert [passes.compared(here()) for _ in range(3)] == [1, 0, 0]


def test_edited_spec_or_changed_object_is_compared_again() -> None:
    passes = Passes()
    edited = wish("Domain/web", '<domain><disk dev="vdb"/></domain>')
    passes.compared(here())

    assert passes.compared(here(edited)) == 1
    assert passes.compared(here(WEB, seen(edited))) == 1


def test_cached_results_are_dropped_when_the_rules_change() -> None:
    passes = Passes()
    passes.compared(here())

    assert passes.compared(replace(here(), instance="other")) == 0  # not even ours then
    assert passes.compared(here()) == 0
    passes.book = replace(passes.book)
    assert passes.compared(here()) == 1


def test_cached_result_depends_only_on_definitions_that_were_looked_up() -> None:
    passes = Passes()
    there = Actual(IMAGE, "", "<volume/>")
    passes.compared(here())

    assert passes.compared(here(WEB, None, Actual(OTHER, "", "<volume/>"))) == 0
    assert passes.compared(here(WEB, None, there)) == 1
    assert passes.compared(here(WEB, None, there)) == 0
    assert passes.compared(here(WEB, None, replace(there, xml="<volume x='1'/>"))) == 1


def test_results_of_removed_objects_are_dropped() -> None:
    passes = Passes()
    passes.compared(here())

    passes.compared(world())

    assert len(passes.cache) == 0
