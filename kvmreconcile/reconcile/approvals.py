"""
Hand an approval from whoever gave it to the pass that makes the plan anew, and the answer back.

Separate from both: they run in threads of their own, and neither may wait for the other for ever.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from kvmreconcile.errors import NotNow, Problem


@dataclass(frozen=True, slots=True, eq=False)
class Approval:
    """
    Somebody's word that exactly the plan of a digest is to be done.

    Attributes:
        answer: The digest of the plan that was then made, "" for an empty plan; another than the one approved
            means that nothing of it was released. NotNow if no pass came that far.
    """

    digest: str
    who: str
    why: str = ""
    answer: "Future[str]" = field(default_factory=Future)


class Approvals:
    """Holds one approval until a pass takes it; any thread may give one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._given: Approval | None = None
        self._closed = False

    def give(self, approval: Approval) -> None:
        """Hand one to the next pass, in place of one that none has taken yet."""
        with self._lock:
            is_closed, before = self._closed, self._given
            self._given = None if is_closed else approval
        if before:
            before.answer.set_exception(_not_now(before, "another approval replaced this one"))
        if is_closed:
            approval.answer.set_exception(_not_now(approval, "the daemon is stopping"))

    def close(self) -> None:
        """Take none any more, and give back the one there is."""
        with self._lock:
            self._closed, approval, self._given = True, self._given, None
        if approval:
            approval.answer.set_exception(_not_now(approval, "the daemon is stopping"))

    def withdraw(self, approval: Approval) -> None:
        """Take one back, unless a pass has it already."""
        with self._lock:
            if self._given is not approval:
                return
            self._given = None
        approval.answer.set_exception(_not_now(approval, "no pass started in time"))

    @contextmanager
    def taken(self) -> Iterator[Approval | None]:
        """Yield the one there is to the pass that makes the plan anew; it is answered in any case."""
        with self._lock:
            approval, self._given = self._given, None
        try:
            yield approval
        finally:
            if approval and not approval.answer.done():
                approval.answer.set_exception(
                    _not_now(approval, "the pass ended before it used the approval")
                )


def _not_now(approval: Approval, why: str) -> NotNow:
    what = f"this approval had no effect: {why}"
    todo = "check whether this is still the plan, then approve it again"
    return NotNow(Problem(approval.digest, what, todo))
