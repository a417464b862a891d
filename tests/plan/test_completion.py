"""The completing step before the first start of an object, such as building a pool."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Actual, Applied, Desired, Plan, Reason
from kvmreconcile.plan import plan
from kvmreconcile.tree import paths
from tests.plan.worlds import BOOKS, RUNNING, STOPPED, Book, done, remembered, seen, wish, world

KINDS = {
    **BOOKS,
    "StoragePool": Book("StoragePool", "pool", completing="build", incomplete_after=paths("@path")),
}
POOL = wish("StoragePool/p", "<pool path='/srv'/>", power=RUNNING)
OFF = wish("StoragePool/p", "<pool path='/srv'/>", power=STOPPED)
HALF = replace(remembered(POOL), complete=False)


def planned(wanted: Desired, actual: Actual | None, known: Applied | None) -> Plan:
    there, memory = [actual] if actual else [], [known] if known else []
    return plan(world([wanted], there, memory), KINDS)


def test_new_pool_is_built_before_it_is_started() -> None:
    made = planned(POOL, None, None)

    assert done(made) == ["create StoragePool/p", "build StoragePool/p", "start StoragePool/p"]
    assert [a.reason for a in made.actions] == [Reason.NEW] * 3


def test_new_stopped_pool_is_built_at_its_first_start() -> None:
    half = replace(remembered(OFF), complete=False)
    assert done(planned(OFF, None, None)) == ["create StoragePool/p"]

    stays = planned(OFF, seen(OFF), half)
    assert (done(stays), stays.records, stays.in_sync) == ([], (), (OFF.key,))

    assert done(planned(POOL, seen(OFF), half)) == ["build StoragePool/p", "start StoragePool/p"]


@pytest.mark.case("2")
def test_pool_that_was_built_before_is_started_without_a_build() -> None:
    assert done(planned(POOL, seen(POOL), remembered(POOL))) == ["start StoragePool/p"]
    assert done(planned(POOL, None, remembered(POOL))) == ["create StoragePool/p", "start StoragePool/p"]


@pytest.mark.case("2")
def test_pool_without_state_record_is_started_without_a_build() -> None:
    assert done(planned(POOL, seen(POOL), None)) == ["start StoragePool/p"]


def test_pool_is_built_after_an_interrupted_creation() -> None:
    assert done(planned(POOL, seen(POOL), HALF)) == ["build StoragePool/p", "start StoragePool/p"]
    assert done(planned(POOL, None, HALF))[1:] == ["build StoragePool/p", "start StoragePool/p"]


def test_running_pool_is_recorded_as_complete_without_a_build() -> None:
    made = planned(POOL, seen(POOL, live="<pool path='/srv'/>"), HALF)

    assert (done(made), made.records) == ([], (POOL.key,))


@pytest.mark.case("4a")
def test_inactive_pool_is_built_at_its_new_path() -> None:
    moved = wish("StoragePool/p", "<pool path='/new'/>", power=RUNNING)

    assert done(planned(moved, seen(POOL), remembered(POOL))) == [
        "define StoragePool/p",
        "build StoragePool/p",
        "start StoragePool/p",
    ]
