"""A suspension applies from the next step on, also to a plan that is being executed."""

from kvmreconcile.model import Action, Key, Plan, Result, Suspension
from tests.execute.conftest import Stage
from tests.execute.host import NOW, action, world

A, B = Key("Domain", "a"), Key("Domain", "b")
STEPS = Plan(tuple(action(verb, f"Domain/{name}") for name in "abc" for verb in ("start", "stop")))


def verbs(stage: Stage) -> list[str]:
    return [line for line in stage.host.log if not line.startswith("observe")]


def test_object_suspended_during_an_execution_is_skipped(stage: Stage) -> None:
    def suspend(doing: Action) -> None:
        if doing.key == B:
            stage.state.suspend(B, Suspension(NOW, who="alice"))

    stage.host.before = suspend

    report = stage.executor(workers=1).execute(STEPS, world(stage.host))

    assert verbs(stage) == [
        "start Domain/a", "stop Domain/a", "start Domain/b", "start Domain/c", "stop Domain/c",
    ]  # fmt: skip
    (skipped,) = [o for o in report.outcomes if o.result is Result.SKIPPED]
    assert "suspended" in skipped.error
    assert "alice" in skipped.error


def test_suspending_everything_ends_an_execution_after_the_running_step(stage: Stage) -> None:
    stage.host.before = lambda _action: stage.state.suspend(None, Suspension(NOW))

    report = stage.executor(workers=1).execute(STEPS, world(stage.host))

    assert verbs(stage) == ["start Domain/a"]
    assert [o.result for o in report.outcomes] == [Result.DONE, *[Result.SKIPPED] * 5]


def test_skipped_step_names_the_suspended_object_that_it_needs(stage: Stage) -> None:
    first, second = action("start", "Domain/a"), action("start", "Domain/b", "Domain/a")
    stage.state.suspend(A, Suspension(NOW, who="alice"))

    report = stage.executor().execute(Plan((first, second)), world(stage.host))

    said = "Domain/a is suspended since 2026-11-23 03:00 UTC by alice"
    assert [o.error for o in report.outcomes] == [said, said]
