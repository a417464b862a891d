"""How an object is shut down, shows that it is ready, and is removed, as its spec says. Only guests have more than the defaults."""

from dataclasses import dataclass, field
from enum import Enum


class ShutdownBy(Enum):
    """By what a guest is asked to shut down."""

    AGENT = "agent"
    ACPI = "acpi"
    EITHER = "either"
    """The agent, and the power button where there is none."""


class Leftover(Enum):
    """What may be left of a guest once it is removed, by its name in specs."""

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
        ways: The ways in which it is asked, in turn; empty if it is powered off without being asked.
        timeout_s: How long it may take.
        force: Whether it is powered off when that time is over.
    """

    ways: tuple[ShutdownBy, ...] = (ShutdownBy.EITHER, ShutdownBy.ACPI)
    timeout_s: float = 60.0
    force: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """
    How a guest that was started shows that it is ready: by everything named here.

    Attributes:
        agent: Its agent answers.
        lease: A network of libvirt's has given it an address.
        port: It accepts connections to this TCP port; None where that shows nothing.
        address: The address of that port; "" for those the guest is known to have.
        command: What its agent runs in it and must exit with status 0; empty for nothing.
        delay_s: How long it runs before it is first checked.
        timeout_s: How long it may take, from its start.
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
        reboot_applies: Whether its own reboot becomes a power cycle while changes wait for its next start.
        ready: How it shows, once started, that it is ready; None if running is enough.
        rollback: Whether an edit that makes it unready is rolled back.
        removal: What is removed with it. All else that a guest leaves stays, or prevents its removal.
    """

    shutdown: ShutdownPolicy = field(default_factory=ShutdownPolicy)
    leave_stopped: bool = False
    reboot_applies: bool = False
    ready: Ready | None = None
    rollback: bool = False
    removal: frozenset[Leftover] = frozenset()
