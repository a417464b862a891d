"""Only the parts of an edit that libvirt refuses are put back and held."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kvmreconcile.errors import Busy, HostError, NotFound, NotYet, Refused, Rejected, Unavailable, Unsupported
from kvmreconcile.model import Action, Held, Hold, Key, Reason, Refusal, Report
from kvmreconcile.plan import Overrides, plan
from kvmreconcile.state import State
from kvmreconcile.tree import Effect, Node, make, parse, put, to_xml
from tests.execute.conftest import Stage
from tests.execute.host import NOW, desired
from tests.execute.killable_state import DIED
from tests.execute.live import (
    AFTER,
    BEFORE,
    LIVE_KINDS,
    RULES,
    WEB,
    WHY,
    LiveHost,
    guest,
    passes,
    refusing,
    stage_of,
)


@pytest.fixture
def host(tmp_path: Path) -> LiveHost:
    (tmp_path / "live").mkdir()
    return LiveHost(tmp_path / "live")


@pytest.fixture
def running(host: LiveHost, stage: Stage) -> Stage:
    """A running guest that is in sync."""
    stage = stage_of(host, stage.state)
    stage.apply(guest())
    assert stage.plan(guest()).is_empty
    assert stage.state.edits() == {}
    host.log.clear()
    return stage


def verbs(report: Report) -> list[tuple[str, str]]:
    return [(o.action.verb.name, o.result.value) for o in report.outcomes]


def held(stage: Stage, wanted: str = AFTER) -> list[Held]:
    made = stage.plan(guest(wanted))
    assert not made.actions
    assert not made.records
    return list(made.held)


def tag(tree: Node) -> str | None:
    """Return the VLAN of the guest's only interface."""
    return tree.get("nic/vlan/@tag")


@pytest.mark.case("12b")
@pytest.mark.parametrize("error", [Unsupported, Rejected])
def test_refused_part_is_reverted_and_held_and_the_rest_of_the_edit_stays(
    running: Stage, host: LiveHost, error: type[HostError]
) -> None:
    host.refuses = refusing("update", error=error)

    first, second = running.apply(guest(AFTER)), running.apply(guest(AFTER))

    assert verbs(first) == [("define", "done"), ("set-title", "done"), ("update", "failed")]
    assert verbs(second) == [("define", "done")]
    assert second.outcomes[0].action.reason is Reason.ROLLBACK
    for tree in (host.tree(WEB), host.live()):
        assert (tree.get("title"), tag(tree)) == ("new", None)
    (define, update) = held(running)
    assert (define.action.verb.name, update.action.verb.name) == ("define", "update")
    assert (update.hold, update.detail) == (Hold.REFUSED, WHY)
    assert "approve this plan" in update.release


@pytest.mark.case("12b")
def test_refused_edit_is_not_applied_again_by_later_passes_or_processes(
    running: Stage, host: LiveHost, tmp_path: Path
) -> None:
    host.refuses = refusing("update")
    passes(running, guest(AFTER))
    host.log.clear()

    other = stage_of(host, State.open(tmp_path / "state"))
    for stage in (running, other, running):
        assert stage.apply(guest(AFTER)).outcomes == ()
    other.state.close()

    assert host.log == []
    assert [h.hold for h in held(running)] == [Hold.REFUSED] * 2


def test_edit_in_effect_has_no_rollback(running: Stage, host: LiveHost) -> None:
    running.apply(guest(AFTER))

    assert (tag(host.tree(WEB)), tag(host.live())) == ("7", "7")
    assert running.state.edits() == {}
    assert running.plan(guest(AFTER)).is_empty


@pytest.mark.case("12b")
def test_rollback_is_stored_before_the_definition(running: Stage, host: LiveHost) -> None:
    known: list[int] = []
    host.before = lambda _action: known.append(len(running.state.edits()[WEB].changes))

    running.apply(guest(AFTER))

    assert known == [2, 2, 2]


@pytest.mark.case("12b")
def test_approved_plan_applies_a_refused_edit_again(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("update")
    passes(running, guest(AFTER))

    again = approve(running)

    assert verbs(again) == [("define", "done"), ("update", "failed")]
    passes(running, guest(AFTER))
    assert tag(host.tree(WEB)) is None
    assert [h.hold for h in held(running)] == [Hold.REFUSED] * 2

    host.refuses = refusing()
    assert verbs(approve(running)) == [("define", "done"), ("update", "done")]
    assert running.state.edits() == {}
    assert running.plan(guest(AFTER)).is_empty


def approve(stage: Stage) -> Report:
    """Approve and execute the plan that holds a refused edit."""
    digest = stage.plan(guest(AFTER)).digest
    seen = stage.observe(guest(AFTER))
    return stage.executor().execute(plan(seen, LIVE_KINDS, Overrides(approved=digest)), seen)


@pytest.mark.case("12b")
def test_refused_edit_is_applied_again_by_another_libvirt_or_qemu(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("update")
    passes(running, guest(AFTER))
    host.refuses = refusing()
    host.version = ""
    assert running.apply(guest(AFTER)).outcomes == ()

    host.version = "libvirt 11.3.0, QEMU 7.2.0"
    report = running.apply(guest(AFTER))

    assert verbs(report) == [("define", "done"), ("update", "done")]
    assert running.state.edits() == {}


def test_refused_edit_is_applied_again_after_its_spec_changes(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("update")
    passes(running, guest(AFTER))
    host.refuses = refusing()

    other = guest(AFTER.replace('"7"', '"8"'))
    assert verbs(running.apply(other)) == [("define", "done"), ("update", "done")]

    assert running.plan(other).is_empty
    assert running.state.edits() == {}


def test_refusal_of_an_edit_that_the_spec_reverts_is_deleted(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("update")
    passes(running, guest(AFTER))
    back = guest(BEFORE.replace("old", "new"))

    running.apply(back)

    assert running.state.edits() == {}
    assert running.plan(back).is_empty
    assert not running.plan(back).records


@pytest.mark.case("12b")
@pytest.mark.parametrize(
    "error",
    [Busy("a job"), NotYet("later", 0), Unavailable("gone"), HostError("not let go"), NotFound("gone")],
)
def test_errors_other_than_refusals_leave_the_edit_stored(
    running: Stage, host: LiveHost, error: HostError
) -> None:
    host.faults["update Domain/web"] = [error] * (4 if error.retry else 1)

    running.apply(guest(AFTER))

    assert tag(host.tree(WEB)) == "7"
    assert [a.verb.name for a in running.plan(guest(AFTER)).actions] == ["update"]
    assert verbs(running.apply(guest(AFTER))) == [("update", "done")]
    assert running.state.edits() == {}


@pytest.mark.case("12b")
def test_changes_by_other_tools_are_not_reverted(running: Stage, host: LiveHost) -> None:
    def before(action: Action) -> None:
        if action.verb.name == "update":
            theirs = put(host.tree(WEB), ("description",), make("description", text="theirs"), RULES)
            host.write(WEB, to_xml(put(theirs, ("nic[lan]", "@link"), "down", RULES)))

    host.before, host.refuses = before, refusing("update")

    passes(running, guest(AFTER))

    tree = host.tree(WEB)
    assert (tree.get("description"), tree.get("nic/@link"), tag(tree)) == ("theirs", "down", None)


@pytest.mark.case("12b")
def test_refused_part_changed_by_another_tool_is_not_reverted(running: Stage, host: LiveHost) -> None:
    def before(action: Action) -> None:
        if action.verb.name == "update":
            host.write(WEB, to_xml(put(host.tree(WEB), ("nic[lan]", "vlan", "@tag"), "9", RULES)))

    host.before, host.refuses = before, refusing("update")

    passes(running, guest(AFTER))

    assert tag(host.tree(WEB)) == "9"
    assert {h.hold for h in held(running)} == {Hold.REFUSED}


def test_additions_by_libvirt_to_a_refused_part_are_removed_with_the_part(
    running: Stage, host: LiveHost
) -> None:
    host.filled = lambda tree: put(tree, ("disk[b]", "@address"), "4", RULES)
    host.refuses = refusing("attach")
    wanted = BEFORE.replace("<nic", '<disk dev="b"/><nic')

    first = running.apply(guest(wanted))
    assert host.tree(WEB).get("disk/@address") == "4"
    host.filled = lambda tree: tree
    passes(running, guest(wanted))

    assert verbs(first) == [("define", "done"), ("attach", "failed")]
    assert host.tree(WEB).child("disk") is None


@pytest.mark.case("12b")
def test_device_that_cannot_be_unplugged_is_restored_in_the_definition(
    running: Stage, host: LiveHost
) -> None:
    two = BEFORE.replace("<nic", '<disk dev="a" key="hidden"/><disk dev="b"/><nic')
    one = BEFORE.replace("<nic", '<disk dev="b"/><nic')
    passes(running, guest(two))
    host.refuses = refusing("detach")

    passes(running, guest(one))

    disks = {d.attr("dev"): d.attr("key") for d in host.tree(WEB).all("disk")}
    assert disks == {"a": "hidden", "b": None}
    assert [c.path for h in held(running, one) for c in h.action.changes] == ["disk[a]"]
    host.refuses = refusing()
    host.version = "newer"
    passes(running, guest(one))
    assert [d.attr("dev") for d in host.tree(WEB).all("disk")] == ["b"]


def test_device_removed_from_spec_is_recorded_until_it_is_unplugged(running: Stage, host: LiveHost) -> None:
    passes(running, guest(BEFORE.replace("<nic", '<disk dev="a"/><nic')))
    host.refuses = refusing("detach")
    passes(running, guest())
    assert host.tree(WEB).child("disk")

    host.refuses, host.version = refusing(), "newer"
    passes(running, guest())

    assert host.tree(WEB).child("disk") is None
    assert running.plan(guest()).is_empty


@pytest.mark.case("12b")
def test_refused_secret_is_reverted_and_never_written_to_disk(running: Stage, host: LiveHost) -> None:
    secret = BEFORE.replace("<nic", "<password>{}</password><nic")
    passes(running, guest(secret.format("hunter2"), max_effect=Effect.RESTART))
    assert host.live().get("password") == "hunter2"
    host.refuses = refusing("set-password")

    passes(running, guest(secret.format("swordfish")))

    assert host.tree(WEB).get("password") == "hunter2"
    written = b"".join(f.read_bytes() for f in running.state._path.parent.iterdir())
    assert b"hunter2" not in written
    assert b"swordfish" not in written


def test_refused_secret_is_not_reverted_if_the_previous_secret_is_unknown(
    running: Stage, host: LiveHost
) -> None:
    secret = BEFORE.replace("<nic", "<password>{}</password><nic")
    passes(running, guest(secret.format("hunter2"), max_effect=Effect.RESTART))
    assert host.live().get("password") == "hunter2"
    host.refuses = refusing("set-password")
    running.apply(guest(secret.format("swordfish")))
    host.stop()
    host.refuses = refusing("start")

    running.apply(guest(secret.format("swordfish")))

    assert host.tree(WEB).get("password") == "swordfish"


@pytest.mark.case("12b")
@pytest.mark.parametrize("error", [Unsupported, HostError])
def test_guest_that_cannot_be_restarted_with_an_edit_is_started_without_it(
    running: Stage, host: LiveHost, error: type[HostError]
) -> None:
    wanted = guest(BEFORE.replace("<nic", "<cpu>new</cpu><nic"), max_effect=Effect.RESTART)

    def refuse(action: Action) -> None:
        if action.verb.name in ("start", "restart") and host.tree(WEB).child("cpu"):
            raise error(WHY)

    host.refuses = refuse
    first, second = running.apply(wanted), running.apply(wanted)

    assert verbs(first) == [("define", "done"), ("restart", "failed")]
    assert verbs(second) == [("define", "done"), ("start", "done")]
    assert host.live().child("cpu") is None
    made = running.plan(wanted)
    assert not made.actions
    assert {(h.hold, h.detail) for h in made.held} == {(Hold.REFUSED, WHY)}


@pytest.mark.case("12b")
def test_edit_is_not_refused_if_the_start_fails_without_it(running: Stage, host: LiveHost) -> None:
    """For example, a killed libvirtd left a bridge with which the start conflicts."""
    wanted = guest(BEFORE.replace("<nic", "<cpu>new</cpu><nic"), max_effect=Effect.RESTART)
    host.refuses = refusing("start", "restart", error=HostError)
    for _ in range(4):
        running.apply(wanted)
    assert WEB not in host.active()

    host.refuses = lambda _action: None
    passes(running, wanted)

    assert host.live().get("cpu") == "new"
    assert not running.plan(wanted).held


def test_guest_edited_while_off_is_not_started_without_its_edit(running: Stage, host: LiveHost) -> None:
    host.stop()
    host.refuses = refusing("start")
    wanted = guest(BEFORE.replace("<nic", "<cpu>new</cpu><nic"))

    running.apply(wanted)

    assert host.tree(WEB).get("cpu") == "new"
    assert running.state.edits() == {}
    assert [a.verb.name for a in running.plan(wanted).actions] == ["start"]


def test_pending_edit_is_reverted_if_the_next_start_is_refused(running: Stage, host: LiveHost) -> None:
    wanted = guest(BEFORE.replace("<nic", "<cpu>new</cpu><nic"))
    running.apply(wanted)
    assert running.plan(wanted).pending
    assert running.state.edits()[WEB].changes
    host.stop()
    host.faults["start Domain/web"] = [Rejected(WHY)]

    running.apply(wanted)
    passes(running, wanted)

    assert host.live().child("cpu") is None
    assert host.tree(WEB).child("cpu") is None


def test_rollback_is_deleted_when_a_start_applies_the_edit(running: Stage, host: LiveHost) -> None:
    wanted = guest(BEFORE.replace("<nic", "<cpu>new</cpu><nic"))
    running.apply(wanted)
    host.run(WEB, host.tree(WEB), 2)

    assert running.plan(wanted).records == (WEB,)
    running.apply(wanted)

    assert running.state.edits() == {}
    assert not running.plan(wanted).records


def test_shutdown_of_the_guest_during_an_edit_is_not_a_refusal(running: Stage, host: LiveHost) -> None:
    def before(action: Action) -> None:
        if action.verb.name == "update":
            host.stop()
            raise Unsupported("the guest does not run")

    host.before = before

    running.apply(guest(AFTER))

    assert tag(host.tree(WEB)) == "7"
    assert not running.state.edits()[WEB].refused


@pytest.mark.case("12b")
def test_temporarily_refused_edit_is_reverted_and_retried_with_growing_delay(
    running: Stage, host: LiveHost
) -> None:
    host.refuses = refusing("update", error=Refused)
    passes(running, guest(AFTER))
    assert tag(host.tree(WEB)) is None
    (refusal,) = running.state.edits()[WEB].refused
    assert 5 <= waits_s(refusal, 0) < 20
    assert [h.until for h in held(running)] == [refusal.until] * 2

    later = execute_at(running, 20)
    assert verbs(later) == [("define", "done"), ("update", "failed")]
    (refusal,) = running.state.edits()[WEB].refused
    assert refusal.tries == 2
    assert waits_s(refusal, 20) >= 10
    assert verbs(execute_at(running, 20)) == [("define", "done")]
    assert tag(host.tree(WEB)) is None

    host.refuses = refusing()
    assert verbs(execute_at(running, 50)) == [("define", "done"), ("update", "done")]
    assert running.state.edits() == {}


def waits_s(refusal: Refusal, since_s: float) -> float:
    """Return for how many seconds a refused part is held, at a time in seconds."""
    assert refusal.until
    return (refusal.until - NOW).total_seconds() - since_s


def execute_at(stage: Stage, seconds: float) -> Report:
    """Make a pass that many seconds later."""
    seen = replace(stage.observe(guest(AFTER)), now=NOW + timedelta(seconds=seconds))
    return stage.executor().execute(plan(seen, LIVE_KINDS), seen)


def test_clock_set_back_does_not_hold_an_edit_for_long(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("update", error=Refused)
    passes(running, guest(AFTER))
    host.refuses = refusing()

    assert verbs(execute_at(running, -86400)) == [("define", "done"), ("update", "done")]


def test_whole_edit_is_reverted_if_the_definition_is_invalid_without_the_refused_part(
    running: Stage, host: LiveHost
) -> None:
    def refuse(action: Action) -> None:
        is_half = action.verb.name == "define" and action.definition.get("title") == "new"
        if action.verb.name == "update" or (is_half and tag(action.definition) is None):
            raise Unsupported(WHY)

    host.refuses = refuse

    passes(running, guest(AFTER))

    assert (host.tree(WEB).get("title"), tag(host.tree(WEB))) == ("old", None)
    assert {h.hold for h in held(running)} == {Hold.REFUSED}


def test_drift_stays_if_its_correction_is_refused(running: Stage, host: LiveHost) -> None:
    passes(running, guest(AFTER))
    for tree, suffix in ((host.tree(WEB), ".xml"), (host.live(), ".active")):
        without = put(tree, ("nic[lan]", "vlan"), None, RULES)
        host.write(WEB, to_xml(without)) if suffix == ".xml" else host.run(WEB, without)
    host.refuses = refusing("update")

    passes(running, guest(AFTER))

    assert tag(host.tree(WEB)) is None
    assert {h.hold for h in held(running)} == {Hold.REFUSED}


def test_live_change_without_stored_edit_is_held_after_a_refusal(running: Stage, host: LiveHost) -> None:
    passes(running, guest(AFTER))
    host.run(WEB, put(host.live(), ("nic[lan]", "vlan"), None, RULES))
    host.refuses = refusing("update")

    assert verbs(running.apply(guest(AFTER))) == [("update", "failed")]
    assert running.apply(guest(AFTER)).outcomes == ()

    assert tag(host.tree(WEB)) == "7"
    assert [h.action.verb.name for h in held(running)] == ["update"]


def test_edit_at_adoption_has_a_rollback(host: LiveHost, stage: Stage) -> None:
    stage = stage_of(host, stage.state)
    uuid = guest().creation.uuid
    theirs = parse(BEFORE.replace("<nic", f"<uuid>{uuid}</uuid><nic"))
    host.write(WEB, to_xml(theirs))
    host.run(WEB, theirs)
    host.refuses = refusing("update")

    passes(stage, guest(AFTER))

    assert tag(host.tree(WEB)) is None
    assert {h.hold for h in held(stage)} == {Hold.REFUSED}


def test_two_parts_that_are_refused_one_after_the_other_are_both_held(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("set-title", "update")

    passes(running, guest(AFTER))

    assert (host.tree(WEB).get("title"), tag(host.tree(WEB))) == ("old", None)
    assert {h.action.verb.name for h in held(running)} == {"define", "set-title", "update"}


def test_other_drift_of_a_guest_with_a_refused_part_is_corrected(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("update")
    passes(running, guest(AFTER))
    host.write(WEB, to_xml(put(host.tree(WEB), ("title",), make("title", text="theirs"), RULES)))
    host.run(WEB, put(host.live(), ("title",), make("title", text="theirs"), RULES))

    made = running.plan(guest(AFTER))
    assert [a.verb.name for a in made.actions] == ["define", "set-title"]
    assert [h.hold for h in made.held] == [Hold.REFUSED]
    passes(running, guest(AFTER))

    assert (host.tree(WEB).get("title"), host.live().get("title")) == ("new", "new")
    assert {h.hold for h in held(running)} == {Hold.REFUSED}


def test_record_of_a_refused_edit_is_deleted_with_its_guest(running: Stage, host: LiveHost) -> None:
    host.refuses = refusing("update")
    passes(running, guest(AFTER))
    host.delete(WEB, ".active")
    host.delete(WEB)

    running.apply(desired("Domain/other"))

    assert running.state.edits() == {}


def test_volume_that_cannot_be_resized_is_held(stage: Stage) -> None:
    key = Key("Volume", "p/root")
    volume = replace(desired(str(key), "<volume><capacity>1</capacity></volume>"), power=None)
    stage.apply(volume)
    more = replace(volume, tree=parse("<volume><capacity>2</capacity></volume>"))
    stage.host.faults[f"resize {key}"] = [Rejected("it cannot grow")]

    assert verbs(stage.apply(more)) == [("resize", "failed")]

    made = stage.plan(more)
    assert not made.actions
    assert [(h.action.verb.name, h.hold, h.detail) for h in made.held] == [
        ("resize", Hold.REFUSED, "it cannot grow")
    ]


@pytest.mark.case("12b")
@pytest.mark.parametrize("refused", ["update", "update set-title", "none"])
def test_refused_edit_has_the_same_result_after_a_kill_at_every_side_effect(
    tmp_path: Path, refused: str
) -> None:
    deaths = 0
    for dies_at in range(1, 99):
        directory = tmp_path / str(dies_at)
        prepare(directory)
        if run(directory, refused, dies_at) != DIED:
            break
        deaths += 1
        finish(directory, refused)

    assert deaths >= {"update": 9, "update set-title": 10, "none": 7}[refused]


def run(directory: Path, refused: str, dies_at: int) -> int:
    command = [sys.executable, "-m", "tests.execute.live", str(directory), refused, str(dies_at)]
    return subprocess.run(command, check=False).returncode


def prepare(directory: Path) -> None:
    (directory / "host").mkdir(parents=True)
    stage = stage_of(LiveHost(directory / "host"), State.open(directory / "state"))
    stage.apply(guest())
    stage.state.close()


def finish(directory: Path, refused: str) -> None:
    """Make the passes of a process that is not killed, and check their result."""
    host = LiveHost(directory / "host", refuses=refusing(*refused.split()))
    stage = stage_of(host, State.open(directory / "state"))
    wanted = guest(AFTER, max_effect=Effect.RESTART)
    passes(stage, wanted)
    for tree in (host.tree(WEB), host.live()):
        assert tag(tree) == ("7" if refused == "none" else None)
        assert tree.get("title") == ("old" if "title" in refused else "new")
    made = stage.plan(wanted)
    assert {h.hold for h in made.held} == (set() if refused == "none" else {Hold.REFUSED})
    assert not made.records
    assert bool(stage.state.edits()) is (refused != "none")
    stage.state.close()
