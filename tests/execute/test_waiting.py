"""Steps that wait poll for a limited time, and end at once when the executor is stopped."""

from dataclasses import replace

from kvmreconcile.errors import HostError, NotYet, Rejected, Unavailable
from kvmreconcile.model import Action, Desired, Key, Lifecycle, Outcome, Plan, Policy, Ready, Report, Result
from tests.execute.conftest import Stage
from tests.execute.host import action, desired, world

WEB = Key("Domain", "web")


def not_yet(times: int, patience_s: float = 1000) -> list[Exception]:
    return [NotYet(f"Domain/web: not ready ({n})", patience_s) for n in range(times)]


def outcome(report: Report, verb: str = "ready") -> Outcome:
    return next(o for o in report.outcomes if o.action.verb.name == verb)


def test_condition_is_polled_until_it_is_met(stage: Stage) -> None:
    stage.host.faults["ready Domain/web"] = not_yet(5)

    report = stage.execute(action("ready", "Domain/web"), action("start", "Domain/proxy", "Domain/web"))

    assert {o.result for o in report.outcomes} == {Result.DONE}
    assert stage.time.slept_s == [0.5] * 5
    assert stage.host.log.index("start Domain/proxy") > stage.host.log.index("ready Domain/web")


def waiting_for(delay_s: float) -> Action:
    return replace(
        action("ready", "Domain/web"), policy=Policy(lifecycle=Lifecycle(ready=Ready(delay_s=delay_s)))
    )


def test_polling_begins_after_the_delay(stage: Stage) -> None:
    stage.host.before = lambda _action: stage.time.slept_s.append(-1)

    assert not stage.execute(waiting_for(1.2)).failed
    assert [round(s, 1) for s in stage.time.slept_s] == [0.5, 0.5, 0.2, -1]


def test_delay_ends_when_the_executor_is_stopped(stage: Stage) -> None:
    stage.host.faults["ready Domain/web"] = not_yet(50)
    executor = stage.executor()
    slept_s = stage.time.slept_s

    def sleep(seconds: float) -> None:
        slept_s.append(seconds)
        executor.stopping.set()

    executor = replace(executor, pace=replace(executor.pace, sleep=sleep))
    report = executor.execute(Plan((waiting_for(60),)), world(stage.host))

    assert outcome(report).result is Result.SKIPPED
    assert slept_s == [0.5]


def test_condition_not_met_in_time_is_a_temporary_failure(stage: Stage) -> None:
    stage.host.faults["ready Domain/web"] = not_yet(50, patience_s=3)

    report = stage.execute(action("ready", "Domain/web"), action("start", "Domain/proxy", "Domain/web"))

    # The clock of this test moves by one second each time it is read.
    assert outcome(report).error == "Domain/web: not ready (2)"
    assert outcome(report).result is Result.FAILED
    assert outcome(report).retry
    assert outcome(report, "start").error == '"ready" of Domain/web failed'


def test_other_errors_end_polling_at_once(stage: Stage) -> None:
    stage.host.faults["ready Domain/web"] = [*not_yet(1), Rejected("it has no agent")]

    report = stage.execute(action("ready", "Domain/web"))

    assert (outcome(report).result, outcome(report).error) == (Result.FAILED, "it has no agent")


def test_lost_connection_ends_polling(stage: Stage) -> None:
    stage.host.faults["ready Domain/web"] = [*not_yet(1), Unavailable("gone")]

    def lose(_action: Action) -> None:
        stage.host.alive = False

    stage.host.before = lose
    report = stage.execute(action("ready", "Domain/web"), action("start", "Domain/proxy"), workers=1)

    assert [o.result for o in report.outcomes] == [Result.FAILED, Result.SKIPPED]


def test_polling_ends_when_the_executor_is_stopped(stage: Stage) -> None:
    stage.host.faults["ready Domain/web"] = not_yet(50)
    executor = stage.executor()
    stage.host.before = lambda _action: executor.stopping.set()

    report = executor.execute(Plan((action("ready", "Domain/web"),)), world(stage.host))

    assert outcome(report).result is Result.SKIPPED
    assert outcome(report).error == "kvmreconcile was stopped while waiting for this step"
    assert stage.time.slept_s == []


def test_steps_before_a_failed_poll_are_recorded_as_done(stage: Stage) -> None:
    web = desired("Domain/web")
    stage.host.faults["ready Domain/web"] = [HostError("no")]

    stage.execute(
        action("create", "Domain/web"),
        action("start", "Domain/web"),
        action("ready", "Domain/web"),
        wanted=(web,),
    )

    known = stage.state.applied()[WEB]
    assert known.complete
    assert known.digest
    assert known.runtime_id == 1


def test_polling_alone_does_not_change_the_state(stage: Stage) -> None:
    web = desired("Domain/web")
    stage.execute(action("create", "Domain/web"), wanted=(web,))
    before = stage.state.applied()

    waits = Plan((action("ready", "Domain/web"),))
    stage.executor().execute(waits, world(stage.host, web, applied=before))

    assert stage.state.applied() == before


def moving(stage: Stage) -> tuple[Desired, Plan]:
    """Return an existing object, and the plan of a long move."""
    web = desired("Domain/web")
    stage.execute(action("create", "Domain/web"), wanted=(web,))
    stage.host.faults["move Domain/web"] = not_yet(3)
    return web, Plan((action("move", "Domain/web"),))


def test_long_job_is_polled_to_its_end_and_then_recorded(stage: Stage) -> None:
    web, moves = moving(stage)

    report = stage.executor().execute(moves, world(stage.host, web, applied=stage.state.applied()))

    assert outcome(report, "move").result is Result.DONE
    assert stage.time.slept_s == [0.5] * 3
    assert stage.state.applied()[WEB].digest


def test_long_job_is_left_to_the_next_pass_when_the_executor_is_stopped(stage: Stage) -> None:
    web, moves = moving(stage)
    executor = stage.executor()
    stage.host.before = lambda _action: executor.stopping.set()

    report = executor.execute(moves, world(stage.host, web, applied=stage.state.applied()))

    assert outcome(report, "move").result is Result.SKIPPED
    assert stage.state.applied()[WEB].digest == ""
