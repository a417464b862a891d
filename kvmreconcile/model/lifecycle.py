"""
Define how an object is shut down, checked for readiness and removed, according to its spec.

Networks, pools and volumes always use the defaults.
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
    """Data that may remain after the removal of a guest; the values are the names in specs."""

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
        ways: The methods of requesting the shutdown, in the order in which they are tried; empty if the
            guest is powered off without a request.
        timeout_s: Maximum time in seconds that the shutdown may take.
        force: Whether the guest is powered off after the timeout.
    """

    ways: tuple[ShutdownBy, ...] = (ShutdownBy.EITHER, ShutdownBy.ACPI)
    timeout_s: float = 60.0
    force: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """
    The readiness checks of a started guest; all of them must succeed.

    Attributes:
        agent: Whether the guest agent must respond.
        lease: Whether a libvirt network must have leased the guest an address.
        port: A TCP port that must accept connections; None if no port is checked.
        address: The IP address of `port`; "" for the known addresses of the guest.
        command: A command that the guest agent runs, and that must exit with status 0; empty if no
            command is run.
        delay_s: Time in seconds between the start of the guest and the first check.
        timeout_s: Time in seconds after the start within which the guest must become ready.
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
    How one object is stopped, checked for readiness, rolled back and removed.

    Attributes:
        shutdown: How the object is shut down.
        leave_stopped: Whether an object that should run stays off after the guest or another tool
            stopped it.
        reboot_applies: Whether a reboot by the guest becomes a power cycle while changes wait for the
            next start.
        ready: The readiness checks; None if a running object counts as ready.
        rollback: Whether an edit is rolled back if the object does not become ready.
        removal: Data that is removed with the object. Other data of a guest is kept, or prevents the
            removal of the guest.
    """

    shutdown: ShutdownPolicy = field(default_factory=ShutdownPolicy)
    leave_stopped: bool = False
    reboot_applies: bool = False
    ready: Ready | None = None
    rollback: bool = False
    removal: frozenset[Leftover] = frozenset()
