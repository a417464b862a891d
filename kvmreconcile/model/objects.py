"""
One object: as a spec wants it, and as libvirt has it.

Separate from the world they are in, because drivers and kinds know no more than this.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from kvmreconcile.model.windows import Window
from kvmreconcile.tree import Effect, Node, parse


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What identifies an object everywhere; a volume's name is "pool/name"."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def read(cls, text: str) -> "Key":
        """Read "Domain/web1" or "Volume/pool/name"; the name is empty where the text has no slash."""
        kind, _, name = text.partition("/")
        return cls(kind, name)


class Power(Enum):
    """What a spec asks of a domain, network or pool: to be active or not; of a domain also to be paused."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"


class Halt(Enum):
    """Why a guest does not run, where that decides what is done."""

    PAUSED = "somebody paused it"
    IO_ERROR = "an I/O error paused it"
    WATCHDOG = "its watchdog paused it"
    PANIC = "it crashed, and is kept as it was"
    MIGRATION = "its migration failed half-way"
    STOPPED = "it was shut down from inside, or stopped by somebody"


class Apply(Enum):
    """How much of its object a spec controls."""

    ENFORCE = "enforce"
    """Lists the spec mentions are complete, and drift is healed."""
    MERGE = "merge"
    """Only what the spec names is changed; members it does not name stay."""
    CREATE_ONLY = "create-only"
    """Made if absent, then left alone."""
    OBSERVE = "observe"
    """Compared and reported, never touched."""


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
class Policy:
    """
    What may be done to one object unasked.

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


@dataclass(frozen=True, slots=True)
class Source:
    """Where a desired object was written."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Mention:
    """
    Where a spec names another object.

    Attributes:
        name: As it is written; of a volume of the same pool it may be the last part alone.
    """

    name: Key
    source: Source

    def means(self, key: Key) -> bool:
        """Tell whether it may be that object which is named."""
        return self.name.kind == key.kind and f"/{key.name}".endswith(f"/{self.name.name}")


@dataclass(frozen=True, slots=True)
class Desired:
    """
    One object as a spec wants it.

    Attributes:
        tree: What the spec says, and nothing more.
        uuid: The UUID it is given at birth if neither spec nor actual has one.
        power: None leaves the object as found.
        autostart: None leaves it as found.
        plain: A new object or member is given only what libvirt itself gives it.
        content: For a volume, the local file its first bytes come from.
        labels: For selection by people and policies.
        after: Objects that must run and be ready before it is started; those that are not to run do not count.
        mentions: Where it names other objects, as far as that is known.
    """

    key: Key
    tree: Node
    uuid: str = ""
    power: Power | None = None
    autostart: bool | None = None
    policy: Policy = field(default_factory=Policy)
    source: Source = field(default_factory=Source)
    plain: bool = False
    content: Path | None = None
    labels: tuple[tuple[str, str], ...] = ()
    after: tuple[Key, ...] = ()
    mentions: tuple[Mention, ...] = ()

    def place_of(self, other: Key) -> Source:
        """Return where it names another object; where it begins if that is not known."""
        return next((each.source for each in self.mentions if each.means(other)), self.source)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The mark in an object's own metadata by which it is known as ours."""

    instance: str
    key: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Actual:
    """
    One object as libvirt has it.

    Attributes:
        uuid: "" where libvirt has none (volumes).
        xml: The persistent definition (INACTIVE, with secrets).
        live_xml: The running definition, None while inactive.
        autostart: None where the kind has no such thing.
        runtime_id: Changes with each start; None while inactive.
        stamp: The owner's mark, None without one or where libvirt keeps no metadata.
        saved: Whether its memory was saved to a file; it wakes up in the hardware it had then.
        job: What keeps the object busy, "" if nothing does.
        halt: Why it does not run, None where it does or nobody can tell.
    """

    key: Key
    uuid: str
    xml: str
    live_xml: str | None = None
    active: bool = False
    autostart: bool | None = None
    saved: bool = False
    persistent: bool = True
    runtime_id: int | None = None
    stamp: Stamp | None = None
    job: str = ""
    halt: Halt | None = None

    @property
    def tree(self) -> Node:
        """The persistent definition."""
        return parse(self.xml)

    @property
    def live(self) -> Node | None:
        """The running definition, None while inactive."""
        return parse(self.live_xml) if self.live_xml is not None else None
