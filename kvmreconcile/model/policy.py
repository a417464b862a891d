"""Define the policy of an object: what may be done to it without approval, and when its guest is ready."""

from dataclasses import dataclass
from enum import Enum

from kvmreconcile.model.windows import Window
from kvmreconcile.tree import Effect


class Apply(Enum):
    """How much of its object a spec controls."""

    ENFORCE = "enforce"
    """Lists in the spec are complete, and drift is reverted."""
    MERGE = "merge"
    """Only what the spec names is changed; members that it does not name stay."""
    CREATE_ONLY = "create-only"
    """Created if absent, then left alone."""
    OBSERVE = "observe"
    """Compared and reported, never changed."""


class ShutdownBy(Enum):
    """The way in which a guest is asked to shut down."""

    AGENT = "agent"
    ACPI = "acpi"
    EITHER = "either"
    """The agent; ACPI if there is none."""


class Leftover(Enum):
    """Data of a guest that may stay after its removal, by its name in specs."""

    NVRAM = "nvram"
    TPM = "tpm"
    SNAPSHOTS = "snapshots"
    CHECKPOINTS = "checkpoints"
    MANAGED_SAVE = "managedSave"


@dataclass(frozen=True, slots=True)
class Ready:
    """
    Conditions under which a started guest is ready; all of them must be met.

    Attributes:
        agent: Its agent answers.
        lease: A libvirt network has assigned it an address.
        port: It accepts connections to this TCP port; None for no such condition.
        address: The address of that port; "" for the known addresses of the guest.
        command: A command that its agent runs and that exits with status 0; empty for no such condition.
        delay_s: Time from its start to the first check.
        timeout_s: Maximum time from its start until it is ready.
    """

    agent: bool = False
    lease: bool = False
    port: int | None = None
    address: str = ""
    command: tuple[str, ...] = ()
    delay_s: float = 0.0
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What may be done to one object without approval.

    Attributes:
        windows: When changes may be made; none means always.
        outside: Up to which effect while none is open, None for nothing.
        waits_when_off: Whether an object that does not run waits for a window too.
        group: The group it is a member of, "" for none. At most `max_unavailable` members are taken down at a time
            for changes, those of the lowest `order` first.
        shutdown_by: The ways in which it is asked to shut down, one after the other.
        leave_stopped: Whether one that should run and was stopped by others than us stays off.
        reboot_applies: Whether its own reboot is made a power cycle while changes wait for its next start.
        ready: How it shows, once started, that it is ready; None if running is enough.
        rollback: Whether an edit that makes it unready is taken back.
        interrupts: Whether a part of it may be gone for a moment, to be changed while it runs.
        removal: What is removed with it. All else that a guest leaves stays, or prevents its removal.
        copies: Whether a disk that is to be elsewhere is copied there while the guest runs.
        secrets: Paths at and below which values are secret according to the spec.
        former_secrets: The same according to the spec that was last applied.
    """

    max_effect: Effect = Effect.NEXT_BOOT
    windows: tuple[Window, ...] = ()
    outside: Effect | None = None
    waits_when_off: bool = False
    group: str = ""
    max_unavailable: int = 1
    order: int = 0
    adopt: bool = False
    apply: Apply = Apply.ENFORCE
    protect: bool = False
    ignore: tuple[str, ...] = ()
    check_schema: bool = True
    shutdown_by: tuple[ShutdownBy, ...] = (ShutdownBy.EITHER, ShutdownBy.ACPI)
    shutdown_timeout_s: float = 60.0
    force_off: bool = False
    reboot_applies: bool = False
    leave_stopped: bool = False
    ready: Ready | None = None
    rollback: bool = False
    removal: frozenset[Leftover] = frozenset()
    interrupts: bool = False
    copies: bool = False
    secrets: tuple[str, ...] = ()
    former_secrets: tuple[str, ...] = ()

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """Paths of the spec and of the last applied one, whose values definitions may still hold."""
        return tuple(dict.fromkeys((*self.secrets, *self.former_secrets)))
