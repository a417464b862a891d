"""The order of steps: needed objects first, one at a time in an object and in a pool, others in parallel."""

from dataclasses import replace
from functools import partial
from threading import Barrier, Lock

import pytest

from kvmreconcile.errors import PlanError, Rejected
from kvmreconcile.execute.batches import Batch
from kvmreconcile.execute.parallel import _startable, run_batches
from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import lane_of
from kvmreconcile.model import Action, Key, Power
from tests.execute.conftest import Stage
from tests.execute.host import action, desired


def batches(*texts: str) -> list[Batch]:
    return [Batch(Key.read(text)) for text in texts]


def test_actions_on_one_object_run_in_the_plans_order(stage: Stage) -> None:
    stage.execute(action("define", "Domain/a"), action("start", "Domain/a"), action("stop", "Domain/a"))

    assert stage.host.log == ["define Domain/a", "start Domain/a", "stop Domain/a"]


def test_object_waits_for_all_actions_on_objects_it_needs(stage: Stage) -> None:
    stage.execute(
        action("start", "Domain/web", "Domain/db"),
        action("define", "Domain/db"),
        action("start", "Domain/db"),
    )

    assert stage.host.log == ["define Domain/db", "start Domain/db", "start Domain/web"]


def test_object_needed_by_a_later_action_delays_the_first_action(stage: Stage) -> None:
    stage.execute(
        action("define", "Domain/web"),
        action("start", "Domain/web", "Volume/p/v"),
        action("create", "Volume/p/v"),
    )

    assert stage.host.log == ["create Volume/p/v", "define Domain/web", "start Domain/web"]


def following(step: Action, *after: str) -> Action:
    return replace(step, after=tuple(map(Key.read, after)))


def test_step_that_waits_for_other_objects_does_not_delay_earlier_steps(stage: Stage) -> None:
    stage.host.faults["start Domain/db"] = [Rejected("it cannot")]
    web = following(action("start", "Domain/web"), "Domain/db", "Domain/none")
    steps = (
        action("define", "Domain/web"),
        web,
        action("suspend", "Domain/web"),
        action("start", "Domain/db"),
    )

    report = stage.execute(*steps, following(action("start", "Domain/end"), "Domain/web"))

    assert [(o.action.verb.name, o.result.value, o.error) for o in report.outcomes] == [
        ("define", "done", ""),
        ("start", "skipped", '"start" of Domain/db failed'),
        ("suspend", "skipped", '"start" of Domain/db failed'),
        ("start", "failed", "it cannot"),
        ("start", "skipped", '"start" of Domain/db failed'),
    ]


def test_step_that_waits_for_other_objects_runs_after_all_their_steps(stage: Stage) -> None:
    first = (action("start", "Domain/db"), action("ready", "Domain/db"))

    stage.execute(
        action("define", "Domain/web"), following(action("start", "Domain/web"), "Domain/db"), *first
    )

    assert stage.host.log[-1] == "start Domain/web"
    assert len(stage.host.log) == 4


def test_steps_before_a_skipped_step_are_recorded_as_done(stage: Stage) -> None:
    stage.host.faults["start Domain/db"] = [Rejected("it cannot")]
    web = desired("Domain/web", power=Power.RUNNING)

    stage.execute(
        action("create", "Domain/web"),
        following(action("start", "Domain/web"), "Domain/db"),
        action("start", "Domain/db"),
        wanted=(web,),
    )

    known = stage.state.applied()[web.key]
    assert known.complete
    assert known.digest


def test_needed_object_without_actions_is_not_waited_for(stage: Stage) -> None:
    report = stage.execute(action("start", "Domain/web", "Volume/p/gone", "Domain/web"))

    assert not report.failed
    assert stage.host.log == ["start Domain/web"]


def test_dependency_cycle_is_reported_and_nothing_runs(stage: Stage) -> None:
    with pytest.raises(PlanError, match=r"cycle: Domain/(a → Domain/b → Domain/a|b → Domain/a → Domain/b)"):
        stage.execute(action("start", "Domain/a", "Domain/b"), action("start", "Domain/b", "Domain/a"))

    assert stage.host.log == []


def test_independent_objects_run_in_parallel(stage: Stage) -> None:
    together = Barrier(3)
    stage.host.before = lambda _action: await_all(together)

    report = stage.execute(*(action("start", f"Domain/{name}") for name in "abc"), workers=3)

    assert not report.failed


def test_number_of_running_jobs_is_limited_by_the_number_of_workers(stage: Stage) -> None:
    pairs, lock = Barrier(2), Lock()
    under_way: set[Key] = set()
    seen: list[int] = []

    def before(step: Action) -> None:
        with lock:
            under_way.add(step.key)
            seen.append(len(under_way))
        await_all(pairs)
        with lock:
            under_way.discard(step.key)
        await_all(pairs)

    stage.host.before = before
    stage.execute(*(action("start", f"Domain/{name}") for name in "abcdef"), workers=2)

    assert max(seen) == 2


def await_all(barrier: Barrier) -> None:
    barrier.wait(30)


def test_volumes_of_one_pool_are_started_one_at_a_time() -> None:
    waiting = batches("Volume/p/a", "Volume/p/b", "Volume/q/a", "Domain/a", "Domain/b")
    lane = partial(lane_of, kinds={kind.name: kind for kind in KINDS})

    assert _startable(waiting, [], 9, lane) == batches("Volume/p/a", "Volume/q/a", "Domain/a", "Domain/b")
    assert _startable(waiting, batches("Volume/p/z"), 9, lane) == batches(
        "Volume/q/a", "Domain/a", "Domain/b"
    )
    assert _startable(waiting, batches("Domain/z"), 9, lane) == _startable(waiting, [], 9, lane)
    assert _startable(waiting, [], 2, lane) == batches("Volume/p/a", "Volume/q/a")
    assert _startable(waiting, batches("Domain/z"), 0, lane) == []


def test_volumes_of_one_pool_run_one_after_the_other(stage: Stage) -> None:
    lock, under_way = Lock(), set[Key]()

    def before(step: Action) -> None:
        with lock:
            assert not under_way
            under_way.add(step.key)
        with lock:
            under_way.discard(step.key)

    stage.host.before = before
    report = stage.execute(*(action("create", f"Volume/p/{number}") for number in range(6)), workers=6)

    assert len(report.outcomes) == 6
    assert not report.failed


def test_exception_in_a_job_is_raised_after_the_running_jobs_have_ended() -> None:
    together, done = Barrier(2), list[Batch]()
    a, b, c = batches("Domain/a", "Domain/b", "Domain/c")

    def job(batch: Batch) -> None:
        together.wait(30)
        if batch == a:
            raise ZeroDivisionError
        done.append(batch)

    with pytest.raises(ZeroDivisionError):
        run_batches({a: [], b: [], c: [a]}, job, 2, str)

    assert done == [b]
