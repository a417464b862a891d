"""
Define every exception that this package raises on purpose, in one tree.

    KvmReconcileError
    ├─ SpecError           specs are invalid; contains all problems with their places
    ├─ SourceError         the repository of specs cannot be fetched or trusted; the current revision stays in use
    ├─ PlanError           cycle, dangling reference; terminal until a spec changes
    ├─ HostError           libvirt refused or failed; keeps its code and domain
    │  ├─ Unavailable      connection lost; retried with delay
    │  ├─ Busy             job or lock in the way; retried with delay
    │  ├─ NotYet           a condition is not met yet; polled until its timeout
    │  ├─ NotFound         vanished between observing and acting; the next pass decides
    │  ├─ NoRoom           a file system or pool is too full; terminal until there is more room
    │  ├─ Refused          the host's state does not allow it; retried with increasing delay
    │  ├─ Unsupported      this libvirt or QEMU cannot; terminal
    │  └─ Rejected         invalid configuration; terminal until the spec changes
    ├─ StateError          state file unreadable; nothing is pruned
    │  └─ OtherHost        the state belongs to another host; nothing is planned
    └─ OrderError          the daemon does not execute an order
       ├─ Forbidden        the caller has no right to give it
       ├─ NotKnown         there is no such object
       ├─ NotNow           it cannot be executed at present
       └─ NoDaemon         no daemon is running

Every layer imports this module, so it imports none of ours. Whether to retry is a class attribute, and never guessed
from a message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

_POSITION = re.compile(r"(:[0-9]+){1,2}$")
"""The line, and the column, after the name of a file."""


class KvmReconcileError(Exception):
    """The base class of all expected errors."""

    retry: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One problem that a user must fix.

    `where` is "file:line:column" of a problem in a file, else the object and field. `todo` says what to do about it; it
    is empty only if `what` already says so.
    """

    where: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.todo}" if self.todo else "")

    @property
    def subject(self) -> tuple[str, str]:
        """The identity of the problem: `where` without line and column, which may change, and `what`."""
        return _POSITION.sub("", self.where), self.what


class SpecError(KvmReconcileError):
    """Specs are invalid; `problems` holds all problems, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class SourceError(KvmReconcileError):
    """The repository of specs cannot be fetched or its content must not be used; the current revision stays in use."""

    retry = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class PlanError(KvmReconcileError):
    """A dependency cycle or a dangling reference; no retry helps until a spec changes."""


class HostError(KvmReconcileError):
    """
    libvirt refused or failed.

    `code` and `domain` are libvirt's VIR_ERR_* and VIR_FROM_* numbers, 0 where the error is our own.
    """

    def __init__(self, message: str, code: int = 0, domain: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.domain = domain


class Unavailable(HostError):
    """The connection to libvirt is lost or cannot be made."""

    retry = True


class Busy(HostError):
    """A job or a lock is in the way."""

    retry = True


class NotYet(HostError):
    """
    A condition is not met yet.

    Attributes:
        patience_s: Maximum time until it is met, in seconds from the first check.
        why: The current condition, in a few words.
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
    A file system or pool has not enough free space.

    Attributes:
        pool: The key of the storage pool, "" if another file system is full.
        needed: The free space that is needed, in bytes; 0 if unknown.
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

    The step has changed nothing. It may succeed after the host's state changes.
    """


class Unsupported(HostError):
    """This libvirt or QEMU does not support the step."""


class Rejected(HostError):
    """libvirt finds the configuration invalid."""


class StateError(KvmReconcileError):
    """The state database cannot be read or written."""


class OtherHost(StateError):
    """The state belongs to another host than the one that is connected to."""


class OrderError(KvmReconcileError):
    """The daemon does not execute an order."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Forbidden(OrderError):
    """The caller has no right to give the order."""


class NotKnown(OrderError):
    """The daemon knows no such object."""


class NotNow(OrderError):
    """The order cannot be executed at present."""


class NoDaemon(OrderError):
    """No daemon listens on the control socket."""
