"""
Pass an approval from the thread that serves a request to the next pass, and return the answer.

Both threads wait only for a limited time.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from kvmreconcile.errors import NotNow, Problem
from kvmreconcile.model import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Approval:
    """
    A user's approval of one plan.

    Attributes:
        digest: The digest of the approved plan.
        who: The name of the user.
        why: The reason that the user gave, "" if there is none.
        answer: The digest of the plan that the next pass made, "" if the plan has nothing that can be
            executed, even with the approval. If the digest differs from `digest`, nothing was
            released. Raises NotNow if no pass used the approval.
    """

    digest: str
    who: str
    why: str = ""
    answer: "Future[str]" = field(default_factory=Future)

    def respond(self, plan: Plan) -> bool:
        """Answer with the plan that was made with this approval; return whether the approval has an effect."""
        is_current = plan.digest == self.digest
        # An approval does not open every hold: a plan may have held steps and none to execute.
        is_answered = plan.actions or (plan.held and not is_current)
        self.answer.set_result(plan.digest if is_answered else "")
        return is_current and bool(plan.actions)


class Approvals:
    """
    A queue with room for one approval.

    Any thread may submit an approval, and a pass takes it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pending: Approval | None = None
        self._closed = False

    def submit(self, approval: Approval) -> None:
        """
        Submit an approval for the next pass.

        An approval that still waits for a pass is replaced.
        """
        with self._lock:
            is_closed, before = self._closed, self._pending
            self._pending = None if is_closed else approval
        if before:
            before.answer.set_exception(_not_now(before, "another approval replaced this one"))
        if is_closed:
            approval.answer.set_exception(_not_now(approval, "the daemon is stopping"))

    def close(self) -> None:
        """Reject the waiting approval and all later approvals."""
        with self._lock:
            self._closed, approval, self._pending = True, self._pending, None
        if approval:
            approval.answer.set_exception(_not_now(approval, "the daemon is stopping"))

    def withdraw(self, approval: Approval) -> None:
        """Withdraw an approval, unless a pass has taken it."""
        with self._lock:
            if self._pending is not approval:
                return
            self._pending = None
        approval.answer.set_exception(_not_now(approval, "no pass started in time"))

    @contextmanager
    def take(self) -> Iterator[Approval | None]:
        """
        Yield the waiting approval to a pass, or None if there is none.

        The sender of the approval gets an answer even if the pass fails.
        """
        with self._lock:
            approval, self._pending = self._pending, None
        try:
            yield approval
        finally:
            if approval and not approval.answer.done():
                approval.answer.set_exception(
                    _not_now(approval, "the pass ended before it used the approval")
                )


def _not_now(approval: Approval, why: str) -> NotNow:
    what = f"this approval had no effect: {why}"
    todo = "check whether the plan is still the same, then approve it again"
    return NotNow(Problem(approval.digest, what, todo))
