"""An edit on probation is kept once the guest is ready, else rolled back, also after kills."""

import subprocess
import sys
from pathlib import Path

import pytest

from kvmreconcile.errors import Busy, HostError, NotFound, NotYet, Rejected, Unavailable
from kvmreconcile.model import Hold, Key, Reason, Report
from kvmreconcile.state import State
from tests.execute.conftest import Stage
from tests.execute.host import Host, desired
from tests.execute.killable_state import DIED
from tests.execute.probation_process import EDITS, WEB, guest, passes, stage_of

GOOD, BAD = (guest(EDITS[edit]) for edit in ("good", "bad"))


@pytest.fixture
def running(stage: Stage) -> Stage:
    """A guest that runs and is ready."""
    stage = stage_of(stage.host, stage.state)
    stage.apply(guest())
    assert stage.plan(guest()).is_empty
    return stage


def verbs(report: Report) -> list[tuple[str, str]]:
    return [(o.action.verb.name, o.result.value) for o in report.outcomes]


def memory(stage: Stage) -> str | None:
    return stage.host.tree(WEB).get("memory")


def test_edit_is_kept_once_the_guest_is_ready(running: Stage) -> None:
    # Its host reports only afterwards that the stored definition is in force.
    assert verbs(running.apply(GOOD)) == [("define", "done")]
    assert verbs(running.apply(GOOD)) == [("ready", "done")]

    assert running.state.probations() == {}
    assert running.plan(GOOD).is_empty
    assert memory(running) == "2"


def test_edit_is_rolled_back_and_held_if_the_guest_is_not_ready(running: Stage) -> None:
    assert verbs(running.apply(BAD)) == [("define", "done")]
    assert verbs(running.apply(BAD)) == [("ready", "failed")]
    assert running.state.probations()[WEB].failed == "its agent is silent"

    back = running.apply(BAD)

    assert verbs(back) == [("define", "done")]
    assert {o.action.reason for o in back.outcomes} == {Reason.ROLLBACK}
    assert memory(running) == "1"
    plan = running.plan(BAD)
    assert not plan.actions
    assert not plan.records
    assert [(h.hold, h.detail) for h in plan.held] == [(Hold.TAKEN_BACK, "its agent is silent")]
    assert running.state.probations()[WEB].failed


def test_next_edit_is_on_probation_with_the_same_rollback(running: Stage) -> None:
    passes(running, BAD)
    worse = guest("<domain><memory>3</memory><bad/></domain>")

    passes(running, worse)

    assert memory(running) == "1"
    assert [h.hold for h in running.plan(worse).held] == [Hold.TAKEN_BACK]
    passes(running, GOOD)
    assert memory(running) == "2"
    assert running.state.probations() == {}


def test_probation_of_an_edit_that_the_spec_reverts_is_deleted(running: Stage) -> None:
    passes(running, BAD)

    running.apply(guest())

    assert running.state.probations() == {}
    assert running.plan(guest()).is_empty


def test_edit_that_libvirt_refuses_has_no_probation(running: Stage) -> None:
    before = running.state.applied()
    running.host.faults["define Domain/web"] = [Rejected("no such thing")]

    running.apply(BAD)

    assert running.state.probations() == {}
    assert running.state.applied() == before


def test_edit_that_libvirt_refuses_leaves_the_earlier_probation(running: Stage) -> None:
    passes(running, BAD)
    before = running.state.probations()
    running.host.faults["define Domain/web"] = [Rejected("no such thing")]

    running.apply(GOOD)

    assert running.state.probations() == before


@pytest.mark.parametrize("error", [NotFound("gone"), Unavailable("gone")])
def test_inconclusive_readiness_errors_cause_no_rollback(running: Stage, error: HostError) -> None:
    running.apply(GOOD)
    running.host.faults["ready Domain/web"] = [error]

    assert verbs(running.apply(GOOD)) == [("ready", "failed")]
    assert running.state.probations()[WEB].failed == ""
    assert verbs(running.apply(GOOD)) == [("ready", "done")]
    assert running.state.probations() == {}


@pytest.mark.parametrize(("error", "failed"), [(Rejected("no kernel"), "no kernel"), (Busy("a lock"), "")])
def test_edit_is_rolled_back_if_the_guest_cannot_start_with_it(
    running: Stage, error: HostError, failed: str
) -> None:
    running.apply(GOOD)
    running.host.delete(WEB, ".active")
    running.host.faults["start Domain/web"] = [error] * 4

    report = running.apply(GOOD)

    assert verbs(report) == [("start", "failed"), ("ready", "skipped")]
    assert running.state.probations()[WEB].failed == failed


def test_probation_ends_when_the_guest_is_removed(running: Stage) -> None:
    running.apply(GOOD)
    assert running.state.probations()

    # Only where some spec is left anything is removed.
    running.apply(desired("Domain/other"))

    assert running.host.keys() == {Key("Domain", "other")}
    assert running.state.probations() == {}


def test_stopped_readiness_check_causes_no_rollback(running: Stage) -> None:
    executor = running.executor()
    running.host.faults["ready Domain/web"] = [NotYet("later", 1000)]
    running.host.before = lambda action: executor.stopping.set() if action.verb.name == "ready" else None

    running.apply_by(executor, GOOD)

    assert running.state.probations()[WEB].failed == ""


@pytest.mark.parametrize(("edit", "ends_with"), [("good", "2"), ("bad", "1")])
def test_probation_ends_with_a_ready_guest_after_a_kill_at_every_side_effect(
    tmp_path: Path, edit: str, ends_with: str
) -> None:
    deaths = 0
    for dies_at in range(1, 99):
        directory = tmp_path / str(dies_at)
        prepare(directory)
        if run(directory, edit, dies_at) != DIED:
            break
        deaths += 1
        finish(directory, edit, ends_with)

    assert deaths >= {"good": 5, "bad": 8}[edit]


def run(directory: Path, edit: str, dies_at: int) -> int:
    command = [sys.executable, "-m", "tests.execute.probation_process", str(directory), edit, str(dies_at)]
    return subprocess.run(command, check=False).returncode


def prepare(directory: Path) -> None:
    (directory / "host").mkdir(parents=True)
    stage = stage_of(Host(directory / "host"), State.open(directory / "state"))
    stage.apply(guest())
    stage.state.close()


def finish(directory: Path, edit: str, ends_with: str) -> None:
    """Make the passes of a process that is not killed, and check their result."""
    stage = stage_of(Host(directory / "host"), State.open(directory / "state"))
    wanted = guest(EDITS[edit])
    passes(stage, wanted)
    assert memory(stage) == ends_with
    assert stage.host.active() == {WEB}
    plan = stage.plan(wanted)
    assert [h.hold for h in plan.held] == ([Hold.TAKEN_BACK] if edit == "bad" else [])
    assert not plan.records
    assert stage.state.probations().keys() == ({WEB} if edit == "bad" else set())
    stage.state.close()
