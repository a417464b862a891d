"""
Define every exception that this package raises on purpose.

    KvmReconcileError
    ├─ SpecError           specs are invalid; lists every problem with its place
    ├─ SourceError         specs cannot be fetched or trusted; the current revision stays in use
    ├─ PlanError           dependency cycle or dangling reference; a spec must change
    ├─ HostError           libvirt refused or failed; keeps libvirt's error code and domain
    │  ├─ Unavailable      connection lost; retried after a delay
    │  ├─ Busy             blocked by a job or a lock; retried after a delay
    │  ├─ NotYet           a condition is not met yet; polled until the condition's timeout
    │  ├─ NotFound         the object vanished after it was observed; the next pass decides
    │  ├─ NoRoom           a file system or pool is too full; not retried until space is freed
    │  ├─ Refused          the host's state does not allow the step; retried after a delay
    │  ├─ Unsupported      this libvirt or QEMU does not support the step; not retried
    │  └─ Rejected         the configuration is invalid; not retried until the spec changes
    ├─ StateError          the state database cannot be read or written; nothing is pruned
    │  └─ OtherHost        the state belongs to another host; nothing is planned
    └─ OrderError          the daemon refuses a control request
       ├─ Forbidden        the caller is not allowed to make the request
       ├─ NotKnown         the object in the request does not exist
       ├─ NotNow           the request cannot be executed now
       └─ NoDaemon         no daemon is running

Every layer imports this module, so this module imports no other module of the package.
The class attribute `retry` defines whether an error is retried. Messages are never parsed for this.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

_POSITION = re.compile(r"(:[0-9]+){1,2}$")
"""Matches the line number, and the column number if there is one, after a file name."""


class KvmReconcileError(Exception):
    """Base class of all expected errors."""

    retry: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Problem:
    """
    A problem that a user must fix.

    Attributes:
        where: "file:line:column" if the problem is in a file; otherwise the object and field.
        what: What is wrong.
        todo: How to fix the problem; empty only if `what` already says so.
    """

    where: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.todo}" if self.todo else "")

    @property
    def subject(self) -> tuple[str, str]:
        """
        The identity of the problem: `what`, and `where` without line and column.

        The line and column may change while the problem stays.
        """
        return _POSITION.sub("", self.where), self.what


class SpecError(KvmReconcileError):
    """
    Specs are invalid.

    Attributes:
        problems: All problems, not only the first.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class SourceError(KvmReconcileError):
    """
    The repository of specs cannot be fetched, or its content cannot be trusted.

    The current revision stays in use.
    """

    retry = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class PlanError(KvmReconcileError):
    """
    There is a dependency cycle or a dangling reference.

    A retry cannot succeed until a spec changes.
    """


class HostError(KvmReconcileError):
    """
    libvirt refused or failed.

    Attributes:
        code: libvirt's number VIR_ERR_*; 0 if the error does not come from libvirt.
        domain: libvirt's number VIR_FROM_*; 0 if the error does not come from libvirt.
    """

    def __init__(self, message: str, code: int = 0, domain: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.domain = domain


class Unavailable(HostError):
    """The connection to libvirt is lost or cannot be opened."""

    retry = True


class Busy(HostError):
    """A job or a lock blocks the step."""

    retry = True


class NotYet(HostError):
    """
    A condition is not met yet.

    Attributes:
        patience_s: Maximum time to wait for the condition, in seconds from the first check.
        why: Why the condition is not met, in a few words; defaults to the message.
    """

    retry = True

    def __init__(self, message: str, patience_s: float, why: str = "") -> None:
        super().__init__(message)
        self.patience_s = patience_s
        self.why = why or message


class NotFound(HostError):
    """The object disappeared between observing and acting."""


class NoRoom(HostError):
    """
    A file system or pool does not have enough free space.

    Attributes:
        pool: The key of the storage pool; "" if another file system is full.
        needed: The required free space in bytes; 0 if unknown.
    """

    def __init__(
        self, message: str, code: int = 0, domain: int = 0, *, pool: str = "", needed: int = 0
    ) -> None:
        super().__init__(message, code, domain)
        self.pool = pool
        self.needed = needed


class Refused(HostError):
    """
    libvirt or QEMU refuses a step because a resource of the host is missing or in use.

    The step has not changed anything. It may succeed after the host's state changes.
    """


class Unsupported(HostError):
    """This libvirt or QEMU does not support the step."""


class Rejected(HostError):
    """libvirt considers the configuration invalid."""


class StateError(KvmReconcileError):
    """The state database cannot be read or written."""


class OtherHost(StateError):
    """The state belongs to a host other than the connected one."""


class OrderError(KvmReconcileError):
    """The daemon refuses a control request."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Forbidden(OrderError):
    """The caller is not allowed to make the request."""


class NotKnown(OrderError):
    """The daemon knows no object of the requested name."""


class NotNow(OrderError):
    """The request cannot be executed now."""


class NoDaemon(OrderError):
    """No daemon listens on the control socket."""
