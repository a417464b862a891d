"""All state records of a renamed object are stored under its new name."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kvmreconcile.errors import Busy
from kvmreconcile.model import Key, Plan, Probation, Report, Result, Suspension
from kvmreconcile.tree import Node
from tests.execute.conftest import Stage
from tests.execute.host import NOW, action, desired

OLD, NEW = Key("Domain", "old"), Key("Domain", "new")
WANTED = desired("Domain/new", "<domain><memory>1</memory></domain>")


@pytest.fixture
def renaming(stage: Stage) -> Stage:
    """A host with an object that is to be renamed."""
    stage.apply(desired("Domain/old", "<domain><memory>1</memory></domain>"))
    return stage


STEP = replace(action("rename", "Domain/new"), former=OLD)


def rename(stage: Stage) -> Report:
    return stage.executor().execute(Plan((STEP,)), stage.observe(WANTED))


@pytest.mark.case("6b")
def test_renamed_object_is_stored_under_its_new_name_only(renaming: Stage) -> None:
    uuid = renaming.state.applied()[OLD].uuid

    assert not rename(renaming).failed
    applied = renaming.state.applied()
    assert set(applied) == {NEW}
    assert (applied[NEW].uuid, applied[NEW].complete) == (uuid, True)
    assert renaming.host.keys() == {NEW}


def test_object_that_could_not_be_renamed_is_stored_as_before(renaming: Stage) -> None:
    renaming.host.faults["rename Domain/new"] = [Busy("now it runs")] * 9
    before = renaming.state.applied()

    assert rename(renaming).outcomes[0].result is Result.FAILED
    assert renaming.state.applied() == before


def test_object_suspended_under_its_former_name_is_not_renamed(renaming: Stage) -> None:
    seen = renaming.observe(WANTED)
    renaming.state.suspend(OLD, Suspension(NOW, NOW + timedelta(hours=1)))

    (outcome,) = renaming.executor().execute(Plan((STEP,)), seen).outcomes

    assert (outcome.result, outcome.error.split()[:3]) == (Result.SKIPPED, ["Domain/old", "is", "suspended"])
    assert renaming.host.keys() == {OLD}


def test_probation_ends_with_a_rename(renaming: Stage) -> None:
    for key in (OLD, NEW):
        renaming.state.put_probation(key, Probation("edit", Node("domain")))

    rename(renaming)

    assert renaming.state.probations() == {}
