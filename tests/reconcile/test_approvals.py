"""Passing an approval from a request to a pass."""

import pytest

from kvmreconcile.errors import NotNow
from kvmreconcile.reconcile.approvals import Approval, Approvals


def why(approval: Approval) -> str:
    with pytest.raises(NotNow) as caught:
        approval.answer.result(0)
    return str(caught.value)


def test_approval_is_taken_once() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.submit(approval)

    with approvals.take() as first:
        assert first is approval
        approval.answer.set_result("abc")
    with approvals.take() as second:
        assert second is None

    assert approval.answer.result(0) == "abc"


def test_later_approval_replaces_the_earlier_one() -> None:
    approvals, first, second = Approvals(), Approval("abc", "root"), Approval("def", "alice")
    approvals.submit(first)
    approvals.submit(second)

    assert "another approval replaced this one" in why(first)
    with approvals.take() as taken:
        assert taken is second


def test_aborted_pass_answers_approval() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.submit(approval)

    with pytest.raises(OSError, match="disk"), approvals.take():
        raise OSError("disk")

    assert "the pass ended before it used the approval" in why(approval)


def test_approval_can_be_withdrawn_before_a_pass_takes_it() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.submit(approval)

    approvals.withdraw(approval)

    assert "no pass started in time" in why(approval)
    with approvals.take() as taken:
        assert taken is None


def test_approval_taken_by_a_pass_cannot_be_withdrawn() -> None:
    approvals, approval = Approvals(), Approval("abc", "root")
    approvals.submit(approval)

    with approvals.take():
        approvals.withdraw(approval)
        approval.answer.set_result("abc")

    assert approval.answer.result(0) == "abc"


def test_approvals_are_rejected_while_the_daemon_stops() -> None:
    approvals, before, after = Approvals(), Approval("abc", "root"), Approval("abc", "root")
    approvals.submit(before)

    approvals.close()
    approvals.submit(after)

    assert "the daemon is stopping" in why(before)
    assert "the daemon is stopping" in why(after)
