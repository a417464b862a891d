"""An object is recorded as unfinished before its creation, and only our own unfinished objects are recreated."""

from dataclasses import replace

import pytest

from kvmreconcile.errors import HostError, Rejected
from kvmreconcile.model import Hold, Key, Observation, Plan, Power, Reason, Result, Unobservable
from kvmreconcile.plan import plan
from tests.execute.conftest import Stage
from tests.execute.host import KINDS, action, desired, world

WEB = Key("Domain", "web")
ROOT = Key("Volume", "p/root")
HIDDEN = Observation(unobservable=(Unobservable("Volume/p/", "not active", Key("StoragePool", "p")),))


def test_object_is_stored_as_unfinished_before_its_creation(stage: Stage) -> None:
    known: list[bool] = []
    stage.host.before = lambda step: known.append(stage.state.applied()[step.key].complete)

    stage.apply(desired("Volume/p/root"))

    assert known == [False]
    assert stage.state.applied()[ROOT].complete


def test_incomplete_object_stays_unfinished(stage: Stage) -> None:
    half_made(stage)

    assert stage.host.keys() == {ROOT}
    assert not stage.state.applied()[ROOT].complete


def half_made(stage: Stage) -> None:
    """Let the creation of a volume fail after the volume exists and before it has its content."""

    def step() -> None:
        if stage.host.keys():
            raise HostError("cannot read the image")

    stage.host.step = step
    stage.apply(desired("Volume/p/root"))
    stage.host.step = lambda: None


@pytest.mark.parametrize("unobservable", ["raise", "libvirt is restarting"])
def test_unobservable_incomplete_object_stays_unfinished(stage: Stage, unobservable: str) -> None:
    stage.host.unobservable = unobservable

    half_made(stage)

    assert not stage.state.applied()[ROOT].complete


@pytest.mark.parametrize("error", [Rejected("no space"), HostError("no answer")])
def test_object_is_not_recorded_as_managed_if_its_creation_changed_nothing(
    stage: Stage, error: HostError
) -> None:
    stage.host.faults["create Volume/p/root"] = [error]

    stage.apply(desired("Volume/p/root"))

    assert stage.state.applied() == {}


def test_volume_created_by_another_tool_meanwhile_is_never_recreated(stage: Stage) -> None:
    root = desired("Volume/p/root")
    stage.host.before = lambda _action: stage.host.write(ROOT, "<volume><theirs/></volume>")
    stage.host.faults["create Volume/p/root"] = [Rejected("it exists already")]

    stage.apply(root)
    stage.host.before = lambda _action: None
    stage.apply(root)

    assert stage.host.tree(ROOT).child("theirs")
    assert [h.hold for h in stage.plan(root).held] == [Hold.CONFLICT]


def test_existing_volume_of_a_stopped_pool_is_not_overwritten(stage: Stage) -> None:
    stage.host.write(ROOT, "<volume><theirs/></volume>")
    unobservable = replace(world(stage.host, desired("Volume/p/root")), observed=HIDDEN)

    report = stage.executor().execute(plan(unobservable, KINDS), unobservable)

    assert [(o.action.verb.name, o.result) for o in report.outcomes] == [("create", Result.FAILED)]
    assert "the object exists, although it could not be observed before" in report.outcomes[0].error
    assert stage.host.log == ["observe p/root"]
    assert stage.state.applied() == {}


def test_volume_that_still_cannot_be_observed_is_not_created(stage: Stage) -> None:
    unobservable = replace(world(stage.host, desired("Volume/p/root")), observed=HIDDEN)
    planned = plan(unobservable, KINDS)
    stage.host.unobservable = "libvirt is restarting"

    report = stage.executor().execute(planned, unobservable)

    assert [o.error for o in report.failed] == [
        "Volume/p/root cannot be observed, so it may exist already: libvirt is restarting"
    ]
    assert stage.state.applied() == {}


def test_incomplete_volume_of_a_stopped_pool_is_recreated(stage: Stage) -> None:
    half_made(stage)
    seen = world(stage.host, desired("Volume/p/root"), applied=stage.state.applied())
    unobservable = replace(seen, observed=HIDDEN)

    report = stage.executor().execute(plan(unobservable, KINDS), unobservable)

    assert [(o.action.verb.name, o.result) for o in report.outcomes] == [("recreate", Result.DONE)]
    assert stage.host.tree(ROOT).child("half") is None


def test_absent_volume_of_a_stopped_pool_is_created(stage: Stage) -> None:
    unobservable = replace(world(stage.host, desired("Volume/p/root")), observed=HIDDEN)

    report = stage.executor().execute(plan(unobservable, KINDS), unobservable)

    assert not report.failed
    assert stage.state.applied()[ROOT].complete


@pytest.mark.parametrize("error", [Rejected("in use"), HostError("no answer")])
def test_replacement_that_changed_nothing_leaves_the_state_unchanged(stage: Stage, error: HostError) -> None:
    stage.apply(desired("Volume/p/root"))
    before = stage.state.applied()
    stage.host.faults["replace Volume/p/root"] = [error]
    other = desired("Volume/p/root", "<volume><capacity>2</capacity></volume>")

    seen = world(stage.host, other, applied=before)
    stage.executor().execute(Plan((action("replace", "Volume/p/root"),)), seen)

    assert stage.state.applied() == before


def test_created_object_that_does_not_start_is_complete(stage: Stage) -> None:
    stage.host.faults["start Domain/web"] = [Rejected("no KVM")]

    stage.apply(desired("Domain/web", power=Power.RUNNING))

    assert stage.host.keys() == {WEB}
    assert stage.state.applied()[WEB].complete


def test_incomplete_object_is_recreated_with_the_reason_unfinished(stage: Stage) -> None:
    half_made(stage)

    (again,) = stage.plan(desired("Volume/p/root")).actions

    assert again.verb.name == "recreate"
    assert again.reason is Reason.UNFINISHED
