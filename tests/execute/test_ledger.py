"""The state is correct at every moment: before and after steps, and after failures."""

from dataclasses import replace

import pytest

from kvmreconcile.errors import Busy, HostError, Rejected, StateError
from kvmreconcile.model import (
    Action,
    Held,
    Hold,
    Key,
    Plan,
    Policy,
    Power,
    Reason,
    RememberedPending,
    Result,
    Settled,
)
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.plan import plan
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Effect, parse
from tests.execute.conftest import Stage
from tests.execute.host import KINDS, action, desired, world

WEB = Key("Domain", "web")
ROOT = Key("Volume", "p/root")


def test_applied_spec_is_stored(stage: Stage) -> None:
    web = desired("Domain/web", "<domain><memory>4</memory></domain>", power=Power.RUNNING)

    report = stage.apply(web)

    applied = stage.state.applied()[WEB]
    assert (applied.tree, applied.digest, applied.uuid) == (
        web.tree,
        digest(web, KINDS["Domain"].rules),
        web.creation.uuid,
    )
    assert (applied.complete, applied.runtime_id, applied.settled) == (True, 1, ())
    assert report.settled == ()
    assert stage.plan(web).is_empty
    assert stage.plan(web).records == ()


def test_only_objects_with_steps_are_observed_again(stage: Stage) -> None:
    stage.apply(desired("Domain/web"), desired("Domain/db"))
    stage.host.log.clear()

    stage.apply(desired("Domain/web", "<domain><memory>4</memory></domain>"), desired("Domain/db"))

    assert stage.host.log == ["observe web", "define Domain/web", "observe web"]


def test_value_that_libvirt_changes_is_reported_once_and_not_planned_again(stage: Stage) -> None:
    web = desired("Domain/web", "<domain><machine>q35</machine></domain>")
    stage.host.normalize = lambda tree: replace(
        tree,
        children=tuple(replace(c, text="pc-q35-7.2") if c.tag == "machine" else c for c in tree.children),
    )

    first = stage.apply(web)
    (key, settled), *others = first.settled
    assert (key, settled.path, settled.asked, settled.answered) == (WEB, "machine", "q35", "pc-q35-7.2")
    assert others == []
    assert stage.diary.lines[1] == "settled Domain/web machine: q35 is pc-q35-7.2"
    assert stage.plan(web).is_empty

    more = replace(web, tree=parse("<domain><machine>q35</machine><memory>4</memory></domain>"))
    second = stage.apply(more)
    assert [o.action.verb.name for o in second.outcomes] == ["define"]
    assert second.settled == ()
    assert stage.plan(more).is_empty


def test_change_by_another_client_right_after_define_is_not_recorded_as_settled(stage: Stage) -> None:
    spec = "<domain><machine>{}</machine></domain>"
    stage.apply(desired("Domain/web", spec.format("one")))
    edited = desired("Domain/web", spec.format("two"))
    hands = ["by hand"]
    stage.host.normalize = lambda tree: parse(spec.format(hands.pop())) if hands else tree

    report = stage.apply(edited)

    assert report.settled == ()
    assert stage.plan(edited).is_empty
    assert stage.state.applied()[WEB].settled == ()


def test_value_that_libvirt_normalizes_is_stored_twice_and_then_recorded_as_settled(stage: Stage) -> None:
    stage.apply(desired("Domain/web", "<domain><machine>one</machine></domain>"))
    edited = desired("Domain/web", "<domain><machine>two</machine></domain>")
    stage.host.normalize = lambda _tree: parse("<domain><machine>two-2.0</machine></domain>")
    stage.host.log.clear()

    report = stage.apply(edited)

    assert [settled.answered for _, settled in report.settled] == ["two-2.0"]
    assert stage.host.log.count("define Domain/web") == 2
    assert stage.plan(edited).is_empty


def test_held_change_is_not_recorded_as_settled(stage: Stage) -> None:
    stage.apply(desired("Domain/web"))
    more = desired("Domain/web", "<domain><memory>4</memory><machine>q35</machine></domain>")
    (whole,) = stage.plan(more).actions
    withheld = tuple(c for c in whole.changes if c.path == "machine")
    assert whole.tree is not None
    allowed = replace(whole, tree=whole.tree.without("machine"))
    held = Held(replace(whole, verb=verb_of("replace"), changes=withheld), Hold.EFFECT)

    seen = world(stage.host, more, applied=stage.state.applied())
    report = stage.executor().execute(Plan((allowed,), (held,)), seen)

    assert report.settled == ()
    assert [c.path for a in stage.plan(more).actions for c in a.changes] == ["machine"]


@pytest.mark.case("4c")
@pytest.mark.parametrize("unobservable", ["", "raise"])
def test_held_edit_is_not_recorded_as_applied(stage: Stage, unobservable: str) -> None:
    web = desired("Domain/web", "<domain><memory>4</memory></domain>")
    stage.apply(web)
    seen = stage.observe(desired("Domain/web", "<domain><memory>8</memory></domain>", power=Power.RUNNING))
    define, start = plan(seen, KINDS).actions
    trees = [web.tree]

    def begin(_action: Action) -> None:
        trees.append(stage.state.applied()[WEB].tree)
        stage.host.unobservable = unobservable

    stage.host.before = begin
    stage.executor().execute(Plan((start,), (Held(define, Hold.BROKEN),)), seen)

    applied = stage.state.applied()[WEB]
    assert [*trees, applied.tree] == [web.tree] * 3
    assert applied.digest == digest(web, KINDS["Domain"].rules)


@pytest.mark.parametrize("unobservable", ["raise", "libvirt is restarting"])
def test_steps_on_an_unobservable_object_are_recorded_as_done(stage: Stage, unobservable: str) -> None:
    root, web = (
        desired("Volume/p/root"),
        desired("Domain/web", '<domain><disk dev="a" volume="p/root"/></domain>'),
    )
    stage.host.unobservable = unobservable

    report = stage.apply(root, web)

    assert {o.result for o in report.outcomes} == {Result.DONE}
    assert {k: a.complete for k, a in stage.state.applied().items()} == {ROOT: True, WEB: True}
    assert stage.plan(root, web).is_empty


@pytest.mark.case("4c")
def test_interrupted_edit_is_planned_again_as_an_edit(stage: Stage) -> None:
    volumes = desired("Volume/p/old"), desired("Volume/p/new")
    stage.apply(*volumes, desired("Domain/web", '<domain><disk dev="a" volume="p/old"/></domain>'))
    edited = desired("Domain/web", '<domain><title>T</title><disk dev="a" volume="p/new"/></domain>')

    def die(_action: Action) -> None:
        raise KeyboardInterrupt

    stage.host.before = die
    with pytest.raises(KeyboardInterrupt):
        stage.apply(*volumes, edited)

    applied = stage.state.applied()[WEB]
    assert applied.tree.get("disk/@volume") == "p/old"
    assert applied.tree.get("title") == "T"
    assert [a.reason for a in stage.plan(*volumes, edited).actions] == [Reason.EDIT]


def test_settled_values_survive_a_failed_observation(stage: Stage) -> None:
    settled = (Settled("machine", "q35", "pc", "f00"),)
    web = desired("Domain/web")
    stage.apply(web)
    stage.state.put(replace(stage.state.applied()[WEB], settled=settled))
    stage.host.unobservable = "raise"

    stage.apply(replace(web, power=Power.RUNNING))

    assert stage.state.applied()[WEB].settled == settled
    assert stage.state.applied()[WEB].digest == digest(
        replace(web, power=Power.RUNNING), KINDS["Domain"].rules
    )


def test_observation_is_retried_while_the_error_may_be_temporary(stage: Stage) -> None:
    stage.host.faults["observe web"] = [Busy("starting")]

    stage.apply(desired("Domain/web"))

    assert stage.host.log == ["create Domain/web", "observe web", "observe web"]


def test_removed_object_is_deleted_from_the_state(stage: Stage) -> None:
    keep = desired("Domain/keep")
    stage.apply(keep, desired("Domain/web"))

    report = stage.apply(keep)

    assert [o.action.verb.name for o in report.outcomes] == ["remove"]
    assert set(stage.state.applied()) == {keep.key}
    assert stage.host.log[-1] == "remove Domain/web"


def test_desired_object_that_is_removed_is_deleted_from_the_state(stage: Stage) -> None:
    web = desired("Domain/web")
    stage.apply(web)

    seen = world(stage.host, web, applied=stage.state.applied())
    stage.executor().execute(Plan((action("remove", "Domain/web"),)), seen)

    assert stage.state.applied() == {}


def test_object_is_kept_in_the_state_if_its_removal_fails(stage: Stage) -> None:
    keep = desired("Domain/keep")
    stage.apply(keep, desired("Domain/web"))
    stage.host.faults["remove Domain/web"] = [Rejected("in use")]

    stage.apply(keep)

    assert set(stage.state.applied()) == {keep.key, WEB}


def test_vanished_object_without_spec_is_deleted_from_the_state_only(stage: Stage) -> None:
    keep = desired("Domain/keep")
    stage.apply(keep, desired("Domain/web"))
    stage.host.delete(WEB)
    stage.host.log.clear()

    stage.apply(keep)

    assert set(stage.state.applied()) == {keep.key}
    assert stage.host.log == []


def test_lost_state_is_restored_without_changing_the_host(stage: Stage) -> None:
    web = desired("Domain/web", "<domain><memory>4</memory></domain>")
    stage.apply(web)
    before = stage.state.applied()
    stage.state.forget(WEB)
    stage.host.log.clear()

    report = stage.apply(web)

    assert (report.outcomes, stage.host.log) == ((), [])
    assert stage.state.applied() == before


def test_step_fails_if_its_result_cannot_be_stored(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    put, calls = stage.state.put, iter(range(9))

    def full(applied: object) -> None:
        if next(calls) > 0:
            raise StateError("the disk is full")
        put(applied)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.state, "put", full)
    root, web = (
        desired("Volume/p/root"),
        desired("Domain/web", '<domain><disk dev="a" volume="p/root"/></domain>'),
    )

    report = stage.apply(root, web)

    assert [(o.action.key, o.result) for o in report.outcomes] == [
        (ROOT, Result.FAILED),
        (WEB, Result.SKIPPED),
    ]
    assert report.outcomes[0].error == "the disk is full"


def test_secrets_are_not_written_to_the_disk(stage: Stage) -> None:
    first = desired("Domain/web", "<domain><password>hunter2</password></domain>")
    stage.apply(first)
    assert stage.state.applied()[WEB].tree.get("password") == SECRET
    stage.host.normalize = lambda _tree: parse("<domain><password>encrypted</password></domain>")
    changed = desired("Domain/web", "<domain><password>swordfish</password></domain>")

    report = stage.apply(changed)

    assert (report.settled[0][1].asked, report.settled[0][1].answered) == (SECRET, SECRET)
    written = b"".join(f.read_bytes() for f in stage.state._path.parent.iterdir())
    assert b"password" in written
    assert b"hunter2" not in written
    assert b"swordfish" not in written


FIRMWARE = "<domain><firmware>{}</firmware></domain>"


def test_pending_change_without_running_value_is_kept_until_the_guest_is_off(stage: Stage) -> None:
    stage.apply(desired("Domain/web", FIRMWARE.format("bios"), power=Power.RUNNING))
    web = desired("Domain/web", FIRMWARE.format("efi"), power=Power.RUNNING)

    stage.apply(web)

    pending = (RememberedPending(("firmware",), "firmware", "bios", "efi"),)
    assert stage.state.applied()[WEB].pending == pending
    assert [c.path for c in stage.plan(web).pending[WEB]] == ["firmware"]

    stage.host.delete(WEB, ".active")
    off = replace(web, power=Power.STOPPED)
    stage.apply(off)
    assert stage.state.applied()[WEB].pending == ()


def test_failed_restart_is_planned_again(stage: Stage) -> None:
    stage.apply(desired("Domain/web", FIRMWARE.format("bios"), power=Power.RUNNING))
    web = desired("Domain/web", FIRMWARE.format("efi"), power=Power.RUNNING)
    web = replace(web, policy=Policy(max_effect=Effect.RESTART))
    stage.host.faults["restart Domain/web"] = [HostError("it did not shut down")]

    report = stage.apply(web)

    assert [o.result for o in report.outcomes] == [Result.DONE, Result.FAILED]
    assert [a.verb.name for a in stage.plan(web).actions] == ["restart"]
