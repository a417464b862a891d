"""Reasons of steps: a step that completes an earlier edit has the reason EDIT."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Key, Plan, Reason, RememberedPending, StoredEdit, World
from kvmreconcile.plan.compare.applied import started_step
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.tree import Change, Effect, parse
from tests.plan.worlds import BOOKS, RUNNING, planned, remembered, seen, wish, world

WEB = Key("Domain", "web")
OLD = '<domain><memory>1</memory><cpu mode="a"/></domain>'
NEW = '<domain><memory>1</memory><cpu mode="b"/></domain>'
MEMORY = Change(("memory",), "memory", "1", "2")
CPU = Change(("cpu", "@mode"), "cpu/@mode", "a", "b")


def stored(live: str, *edit: Change, pending: tuple[RememberedPending, ...] = ()) -> World:
    """
    Return a world with a stored edit.

    Args:
        live: the running definition. `edits`: the recorded edits.
    """
    web = wish("Domain/web", NEW, power=RUNNING, max_effect=Effect.RESTART)
    known = remembered(web, runtime_id=1, pending=pending)
    edits = {WEB: StoredEdit("an edit", edit)} if edit else {}
    return world([web], [seen(web, live=live)], [known], edits=edits)


def reasons(made: Plan) -> dict[str, Reason]:
    return {a.verb.name: a.reason for a in (*made.actions, *(h.action for h in made.held))}


@pytest.mark.case("49")
def test_restart_for_an_earlier_edit_has_reason_edit() -> None:
    assert reasons(planned(stored(OLD, CPU))) == {"restart": Reason.EDIT}


@pytest.mark.case("49")
def test_restart_for_a_change_by_another_tool_has_reason_drift() -> None:
    assert reasons(planned(stored(OLD))) == {"restart": Reason.DRIFT}
    assert reasons(planned(stored(OLD, MEMORY))) == {"restart": Reason.DRIFT}


@pytest.mark.case("49")
def test_recorded_pending_change_has_reason_edit() -> None:
    pending = (RememberedPending(("cpu", "@mode"), "cpu/@mode", "a", "b"),)

    assert reasons(planned(stored(OLD, pending=pending))) == {"restart": Reason.EDIT}


@pytest.mark.case("49")
def test_stored_value_reverted_by_another_tool_is_drift() -> None:
    there = stored(OLD, CPU)
    web = replace(there.desired[WEB], tree=parse(OLD))
    back = replace(there, observed=world([], [seen(web, live=OLD)]).observed)

    assert reasons(planned(back))["define"] is Reason.DRIFT


def interrupted(reason: Reason, then: str = NEW, stored_tree: str = NEW) -> World:
    """
    Return a world after a step with the given reason was interrupted.

    Args:
        now: the present spec.
    """
    web = wish("Domain/web", NEW, power=RUNNING)
    now = wish("Domain/web", then, power=RUNNING)
    step = started_step(reason, digest(web, BOOKS["Domain"].rules))
    known = remembered(web, digest="", begun=step)
    return world([now], [seen(replace(web, tree=parse(stored_tree)))], [replace(known, digest="")])


@pytest.mark.case("49b")
@pytest.mark.parametrize(
    ("first", "again"),
    [
        (Reason.DRIFT, Reason.DRIFT),
        (Reason.EDIT, Reason.EDIT),
        (Reason.ADOPT, Reason.ADOPT),
        (Reason.NEW, Reason.UNFINISHED),
        (Reason.UNFINISHED, Reason.UNFINISHED),
        (Reason.ROLLBACK, Reason.EDIT),
    ],
)
def test_retried_step_keeps_its_reason(first: Reason, again: Reason) -> None:
    assert reasons(planned(interrupted(first))) == {"start": again}


@pytest.mark.case("49b")
def test_retried_step_has_reason_edit_after_the_spec_was_edited() -> None:
    assert set(reasons(planned(interrupted(Reason.DRIFT, then=OLD))).values()) == {Reason.EDIT}


def test_retried_step_has_reason_edit_with_a_state_of_an_earlier_version() -> None:
    there = interrupted(Reason.DRIFT)
    known = replace(there.applied[WEB], begun=None)

    assert reasons(planned(replace(there, applied={WEB: known}))) == {"start": Reason.EDIT}


def secret(said: str, before: str, has: str) -> Reason:
    """Return the reason of a step that changes a password from the earlier to the present spec."""
    now, was, there = (
        wish("Domain/web", f"<domain><password>{word}</password></domain>") for word in (said, before, has)
    )
    return reasons(planned(world([now], [seen(there)], [remembered(was)])))["define"]


@pytest.mark.case("49c")
def test_edited_secret_has_reason_edit() -> None:
    assert secret("new", before="old", has="old") is Reason.EDIT
    assert secret("old", before="old", has="other") is Reason.DRIFT


def test_changed_secret_has_reason_drift_with_a_state_of_an_earlier_version() -> None:
    was = wish("Domain/web", "<domain><password>old</password></domain>")
    now = wish("Domain/web", "<domain><password>new</password></domain>")
    made = planned(world([now], [seen(was)], [replace(remembered(was), sealed="")]))

    assert reasons(made) == {"define": Reason.DRIFT}


def test_secrets_are_recorded_only_as_a_slow_hash() -> None:
    web = wish("Domain/web", "<domain><password>hunter2</password></domain>")

    assert "hunter2" not in repr(remembered(web))
    assert remembered(web).sealed != remembered(replace(web, key=Key("Domain", "other"))).sealed
    assert remembered(wish("Domain/web", OLD)).sealed == ""
