"""
Describe how a spec wants an object to be shut down, checked for readiness, and removed.

Only guests have more than the defaults.
"""

from dataclasses import dataclass, field
from enum import Enum


class ShutdownBy(Enum):
    """A method of requesting a guest's shutdown."""

    AGENT = "agent"
    ACPI = "acpi"
    EITHER = "either"
    """The guest agent, or the power button if there is no agent."""


class Leftover(Enum):
    """Data of a guest that may remain after its removal, by its name in specs."""

    NVRAM = "nvram"
    TPM = "tpm"
    SNAPSHOTS = "snapshots"
    CHECKPOINTS = "checkpoints"
    MANAGED_SAVE = "managedSave"


@dataclass(frozen=True, slots=True)
class ShutdownPolicy:
    """
    How a guest is shut down.

    Attributes:
        ways: The methods of requesting it, in turn; empty if the guest is powered off without a request.
        timeout_s: Time in seconds in which the guest must shut down.
        force: Whether it is powered off after that time.
    """

    ways: tuple[ShutdownBy, ...] = (ShutdownBy.EITHER, ShutdownBy.ACPI)
    timeout_s: float = 60.0
    force: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """
    The checks that show that a started guest is ready; all of them must succeed.

    Attributes:
        agent: Its guest agent responds.
        lease: A libvirt network has leased it an address.
        port: It accepts connections to this TCP port; None if this is not checked.
        address: The address of that port; "" for the known addresses of the guest.
        command: The command that its agent runs and that must exit with status 0; empty for none.
        delay_s: Time in seconds between its start and the first check.
        timeout_s: Time in seconds from its start in which it must become ready.
    """

    agent: bool = False
    lease: bool = False
    port: int | None = None
    address: str = ""
    command: tuple[str, ...] = ()
    delay_s: float = 0.0
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """
    How one object is stopped, started, probed and removed.

    Attributes:
        shutdown: How it is shut down.
        leave_stopped: Whether an object that should run and was stopped by another tool stays off.
        reboot_applies: Whether a reboot by the guest becomes a power cycle while changes wait for its next start.
        ready: The checks that show that it is ready; None if running is enough.
        rollback: Whether an edit that makes it unready is rolled back.
        removal: Data that is removed with it. Other data of a guest is kept, or prevents its removal.
    """

    shutdown: ShutdownPolicy = field(default_factory=ShutdownPolicy)
    leave_stopped: bool = False
    reboot_applies: bool = False
    ready: Ready | None = None
    rollback: bool = False
    removal: frozenset[Leftover] = frozenset()
