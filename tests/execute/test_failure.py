"""A failure skips dependents only; temporary errors are retried."""

import pytest

from kvmreconcile.errors import Busy, HostError, NoRoom, Rejected, StateError, Unavailable
from kvmreconcile.model import Key, Outcome, Plan, Report, Result, Shortage
from tests.execute.conftest import Stage
from tests.execute.host import action, desired, world


def results(report: Report) -> dict[str, Result]:
    return {f"{o.action.verb.name} {o.action.key}": o.result for o in report.outcomes}


def only(report: Report) -> Outcome:
    (outcome,) = report.outcomes
    return outcome


def test_failure_skips_only_its_object_and_dependents(stage: Stage) -> None:
    stage.host.faults["create Volume/p/root"] = [Rejected("Volume/p/root: no space in the pool")]

    report = stage.execute(
        action("create", "Volume/p/root"),
        action("stop", "Volume/p/root"),
        action("create", "Domain/web", "Volume/p/root"),
        action("start", "Domain/web", "Volume/p/root"),
        action("start", "Domain/proxy", "Domain/web"),
        action("create", "Volume/p/other"),
        action("start", "Domain/alone"),
    )

    assert results(report) == {
        "create Volume/p/root": Result.FAILED,
        "stop Volume/p/root": Result.SKIPPED,
        "create Domain/web": Result.SKIPPED,
        "start Domain/web": Result.SKIPPED,
        "start Domain/proxy": Result.SKIPPED,
        "create Volume/p/other": Result.DONE,
        "start Domain/alone": Result.DONE,
    }
    assert report.failed[0].error == "Volume/p/root: no space in the pool"
    skipped = {o.error for o in report.outcomes if o.result is Result.SKIPPED}
    assert skipped == {'"create" of Volume/p/root failed'}


@pytest.mark.case("11b")
def test_failure_from_lack_of_space_names_the_pool_and_size(stage: Stage) -> None:
    stage.host.faults["create Volume/p/root"] = [NoRoom("full", pool="StoragePool/p", needed=5)]
    stage.host.faults["create Volume/p/data"] = [NoRoom("full")]

    report = stage.execute(action("create", "Volume/p/root"), action("create", "Volume/p/data"))

    assert [o.shortage for o in report.outcomes] == [Shortage(Key("StoragePool", "p"), 5), None]
    assert {(o.failure, o.retry) for o in report.outcomes} == {("NoRoom", False)}


def test_outcomes_are_in_the_plans_order(stage: Stage) -> None:
    report = stage.execute(action("start", "Domain/z", "Domain/a"), action("start", "Domain/a"))

    assert [o.action.key.name for o in report.outcomes] == ["z", "a"]


def test_busy_step_succeeds_at_the_third_attempt(stage: Stage) -> None:
    stage.host.faults["start Domain/a"] = [Busy("job"), Busy("job")]

    report = stage.execute(action("start", "Domain/a"))

    assert only(report).result is Result.DONE
    assert stage.time.slept_s == [0.2, 1.0]


def test_step_that_stays_busy_fails_and_may_be_retried(stage: Stage) -> None:
    stage.host.faults["start Domain/a"] = [Busy(f"job {number}") for number in range(9)]

    report = stage.execute(action("start", "Domain/a"))

    assert (only(report).result, only(report).error) == (Result.FAILED, "job 3")
    assert stage.host.log == ["start Domain/a"] * 4


def test_refused_step_is_not_retried(stage: Stage) -> None:
    stage.host.faults["start Domain/a"] = [Rejected("no")]

    report = stage.execute(action("start", "Domain/a"))

    assert only(report).result is Result.FAILED
    assert stage.host.log == ["start Domain/a"]


def test_lost_connection_skips_all_further_steps(stage: Stage) -> None:
    stage.host.alive = False
    stage.host.faults["start Domain/a"] = [Unavailable("broken pipe")]

    report = stage.execute(action("start", "Domain/a"), action("start", "Domain/b"), workers=1)

    first, second = report.outcomes
    assert (first.result, first.error) == (Result.FAILED, "broken pipe")
    assert (second.result, second.error) == (Result.SKIPPED, "the connection to libvirt was lost")
    assert stage.time.slept_s == []


def test_stopped_execution_finishes_the_running_step(stage: Stage) -> None:
    executor = stage.executor(workers=1)
    stage.host.before = lambda _action: executor.stopping.set()

    plan = Plan(tuple(action("start", f"Domain/{name}") for name in "abc"))

    report = executor.execute(plan, world(stage.host))

    assert [o.result for o in report.outcomes] == [Result.DONE, Result.SKIPPED, Result.SKIPPED]
    assert report.outcomes[2].error == "kvmreconcile was stopped before this step"


def test_unexpected_exception_of_a_driver_is_raised(stage: Stage) -> None:
    stage.host.faults["start Domain/a"] = [ZeroDivisionError()]

    with pytest.raises(ZeroDivisionError):
        stage.execute(action("start", "Domain/a"))


def test_outcome_has_the_duration_of_the_action(stage: Stage) -> None:
    report = stage.execute(action("start", "Domain/a"))

    assert only(report).took_s == 1.0


def test_reporter_receives_every_step(stage: Stage) -> None:
    stage.host.faults["start Domain/a"] = [HostError("no")]

    stage.execute(action("start", "Domain/a"), action("start", "Domain/b", "Domain/a"))

    assert stage.diary.lines == ["started start Domain/a", "failed start Domain/a", "skipped start Domain/b"]


def test_object_is_not_created_if_the_state_cannot_be_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_applied: object) -> None:
        raise StateError("the disk is full")

    monkeypatch.setattr(stage.state, "put", full)

    report = stage.execute(action("create", "Domain/a"), wanted=(desired("Domain/a"),))

    assert only(report).error == "the disk is full"
    assert stage.host.keys() == set[Key]()


def test_plan_is_refused_if_another_process_changed_its_objects(stage: Stage) -> None:
    web = desired("Domain/web")
    seen = world(stage.host, web)
    late = stage.plan(web)
    stage.apply(web)
    stage.host.log.clear()

    with pytest.raises(StateError, match="objects of this plan after the plan was made; try again"):
        stage.executor().execute(late, seen)

    assert stage.host.log == []
