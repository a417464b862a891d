"""
Every error this package raises on purpose, in one tree.

    KvmReconcileError
    ├─ SpecError           the user must edit; carries every reason with its place
    ├─ SourceError         the repository of specs cannot be fetched or trusted; the revision in force stays
    ├─ PlanError           cycle, dangling reference; terminal until a spec changes
    ├─ HostError           libvirt said no; keeps its code and domain
    │  ├─ Unavailable      connection lost; retried with delay
    │  ├─ Busy             job or lock in the way; retried with delay
    │  ├─ NotYet           what is waited for is not there yet; asked again until its time is over
    │  ├─ NotFound         vanished between observing and acting; the next pass decides
    │  ├─ NoRoom           a file system or pool is too full; terminal until there is more room
    │  ├─ Refused          the host as it is now does not allow it; tried again later and later
    │  ├─ Unsupported      this libvirt or QEMU cannot; terminal
    │  └─ Rejected         invalid configuration; terminal until the spec changes
    ├─ StateError          state file unreadable; nothing is pruned
    │  └─ OtherHost        it belongs to another host; nothing is planned
    └─ OrderError          what somebody told the daemon is not done
       ├─ Forbidden        the caller may not
       ├─ NotKnown         there is no such object
       ├─ NotNow           it cannot be done as things are now
       └─ NoDaemon         no daemon is running

Separate, and importing nothing of ours, because every layer raises from it. Whether to try again is a
class attribute and never guessed from a message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

_POSITION = re.compile(r"(:[0-9]+){1,2}$")
"""The line, and the column, behind the name of a file."""


class KvmReconcileError(Exception):
    """The root: catch it to catch all that is expected to go wrong."""

    retry: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing a user must mend.

    `where` is "file:line:column" where a file is at fault, else the object and field. `todo` says what to
    do about it and is empty only where `what` already says so.
    """

    where: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.todo}" if self.todo else "")

    @property
    def subject(self) -> tuple[str, str]:
        """What stays the same while the problem lasts: `where` without line and column, which move, and `what`."""
        return _POSITION.sub("", self.where), self.what


class SpecError(KvmReconcileError):
    """Specs are wrong; `problems` holds all that is wrong, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class SourceError(KvmReconcileError):
    """The repository of specs cannot be reached, or what it holds must not be used; what is in force stays."""

    retry = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class PlanError(KvmReconcileError):
    """No order exists, or a reference leads nowhere; nothing changes until a spec does."""


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
    What is waited for is not there yet.

    Attributes:
        patience_s: How long it may take, from the first time it is asked for.
        why: What is the case instead, in a few words.
    """

    retry = True

    def __init__(self, message: str, patience_s: float, why: str = "") -> None:
        super().__init__(message)
        self.patience_s = patience_s
        self.why = why or message


class NotFound(HostError):
    """The object vanished between observing and acting."""


class NoRoom(HostError):
    """
    There is not enough room for what was to be written.

    Attributes:
        pool: The key of the storage pool, "" where another file system is full.
        needed: How many bytes it must have left; 0 where that is not known.
    """

    def __init__(
        self, message: str, code: int = 0, domain: int = 0, *, pool: str = "", needed: int = 0
    ) -> None:
        super().__init__(message, code, domain)
        self.pool = pool
        self.needed = needed


class Refused(HostError):
    """
    libvirt or QEMU refuses the step because of the host as it is now: what it needs is missing, or in use.

    Nothing of the step is in force. It may succeed once the host is another.
    """


class Unsupported(HostError):
    """This libvirt or QEMU cannot do it."""


class Rejected(HostError):
    """libvirt finds the configuration invalid."""


class StateError(KvmReconcileError):
    """The state database cannot be read or written."""


class OtherHost(StateError):
    """The state belongs to another host than the one that is connected to."""


class OrderError(KvmReconcileError):
    """Somebody told the daemon something, and it is not done."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Forbidden(OrderError):
    """Whoever gave the order may not."""


class NotKnown(OrderError):
    """The daemon knows no such object."""


class NotNow(OrderError):
    """It cannot be done as things are now."""


class NoDaemon(OrderError):
    """Nobody listens at the control socket."""
