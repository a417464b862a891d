"""An approval between whoever gives it and the pass that takes it."""

import pytest

from kvmreconcile.errors import NotNow
from kvmreconcile.reconcile.approvals import Approval, Approvals


def why(approval: Approval) -> str:
    with pytest.raises(NotNow) as caught:
        approval.answer.result(0)
    return str(caught.value)


def test_it_is_taken_once() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.give(approval)

    with approvals.taken() as first:
        assert first is approval
        approval.answer.set_result("abc")
    with approvals.taken() as second:
        assert second is None

    assert approval.answer.result(0) == "abc"


def test_a_later_one_takes_its_place() -> None:
    approvals, first, second = Approvals(), Approval("abc", "root"), Approval("def", "alice")
    approvals.give(first)
    approvals.give(second)

    assert "another approval replaced this one" in why(first)
    with approvals.taken() as taken:
        assert taken is second


def test_pass_that_breaks_off_answers_too() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.give(approval)

    with pytest.raises(OSError, match="disk"), approvals.taken():
        raise OSError("disk")

    assert "the pass ended before it used the approval" in why(approval)


def test_one_that_no_pass_took_is_withdrawn_and_never_done_later() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.give(approval)

    approvals.withdraw(approval)

    assert "no pass started in time" in why(approval)
    with approvals.taken() as taken:
        assert taken is None


def test_one_that_a_pass_has_is_not_withdrawn() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.give(approval)

    with approvals.taken():
        approvals.withdraw(approval)
        approval.answer.set_result("abc")

    assert approval.answer.result(0) == "abc"


def test_daemon_that_stops_answers_and_takes_none_any_more() -> None:
    approvals, before, after = Approvals(), Approval("abc", "root"), Approval("abc", "root")
    approvals.give(before)

    approvals.close()
    approvals.give(after)

    assert "the daemon is stopping" in why(before)
    assert "the daemon is stopping" in why(after)
