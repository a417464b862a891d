"""Define one object: as its spec defines it (`Desired`), and as libvirt has it (`Actual`)."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from kvmreconcile.model.lifecycle import Leftover
from kvmreconcile.model.policy import Policy
from kvmreconcile.tree import Change, Node, parse


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The identity of an object; the name of a volume is "pool/name"."""

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
    """The desired power state of a domain, network or pool; only domains can be paused."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"


class StateReason(Enum):
    """libvirt's reason of a domain's state, as far as the planner distinguishes reasons."""

    PAUSED = "paused by a user or another tool"
    IO_ERROR = "paused by an I/O error"
    WATCHDOG = "paused by its watchdog"
    PANIC = "the guest crashed and its memory is preserved"
    MIGRATION = "its post-copy migration failed"
    STOPPED = "it was shut down by the guest or stopped by another tool"


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a spec file."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Reference:
    """
    A place where a spec names another object.

    Attributes:
        name: The name as written; for a volume of the same pool it may be the last part alone.
    """

    name: Key
    source: Source

    def means(self, key: Key) -> bool:
        """Return whether the reference may mean an object."""
        return self.name.kind == key.kind and f"/{key.name}".endswith(f"/{self.name.name}")


@dataclass(frozen=True, slots=True)
class Content:
    """
    The local file with the initial content of a new object.

    Attributes:
        any_format: Whether it is copied as it is, even if it is no disk image.
        sha256: The required checksum, "" for any.
        home: The directory of the spec.
        below: Directories of which one must contain it after links are resolved, None for any.
        named_by: The field of the spec that names it, such as "spec.source.file".
        source: The place of that field.
    """

    path: Path
    any_format: bool = False
    sha256: str = ""
    home: Path = Path()
    below: tuple[Path, ...] | None = None
    named_by: str = ""
    source: Source = field(default_factory=Source)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """
    A reason why an object cannot be created or used as its spec says, and advice.

    Attributes:
        file: The missing file, if that is the reason; an object of the same plan may create it.
        is_certain: Whether the check cannot be wrong. If it can, approving the plan runs the action anyway.
    """

    why: str
    todo: str
    file: str = ""
    is_certain: bool = True

    def __str__(self) -> str:
        return f"{self.why}; {self.todo}"


@dataclass(frozen=True, slots=True)
class RefusedParts:
    """
    Parts of an object that are not changed to its spec, since libvirt refused the change.

    Attributes:
        parts: The places of the parts, as the steps of changes.
        undo: Stored changes that libvirt refused, to be undone.
        beside: Further changes that were stored with them, to be undone unless they are effective.
    """

    parts: tuple[tuple[str, ...], ...]
    undo: tuple[Change, ...] = ()
    beside: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Creation:
    """
    The parts of a spec that are used only when an object, or a member of it, is created.

    Attributes:
        uuid: The UUID that a new object is given if its spec names none; "" for a kind without UUIDs.
        plain: Whether a new object or member gets libvirt's own defaults only.
        content: The file with the initial content of a new volume.
    """

    uuid: str = ""
    plain: bool = False
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """
    One object as its spec defines it.

    Attributes:
        tree: The values in the spec, and no others.
        creation: Values that are used only when it, or a member of it, is created.
        power: The desired power state; None if it is not managed.
        autostart: None if it is not managed.
        labels: Labels, by which users and policies select objects.
        after: Objects that must run and be ready before it is started; those that are not to run do not count.
        mentions: Where it names other objects, as far as that is known.
        places: Where the spec sets the values, by their XPath, that only one object may have.
        refused_parts: Parts that stay as they are in spite of the spec; None for none.
        placed: Whether its spec says on which hosts it is.
        owner: The document that stands for it and others, such as a set; None if it has a document of its own.
    """

    key: Key
    tree: Node
    creation: Creation = field(default_factory=Creation)
    power: Power | None = None
    autostart: bool | None = None
    policy: Policy = field(default_factory=Policy)
    source: Source = field(default_factory=Source)
    labels: tuple[tuple[str, str], ...] = ()
    after: tuple[Key, ...] = ()
    references: tuple[Reference, ...] = ()
    places: tuple[tuple[str, Source], ...] = ()
    refused_parts: RefusedParts | None = None
    placed: bool = False
    owner: Key | None = None

    def place_of(self, other: Key) -> Source:
        """Return where the spec names another object; the start of the spec if that is unknown."""
        return next((each.source for each in self.references if each.means(other)), self.source)

    def source_in(self, place: str) -> Source:
        """Return where the spec sets the value at an XPath of its definition; its first line if that is unknown."""
        return dict(self.places).get(place, self.source)


@dataclass(frozen=True, slots=True)
class OwnershipMark:
    """The ownership mark in an object's metadata."""

    instance: str
    key: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Actual:
    """
    One object as libvirt has it.

    Attributes:
        uuid: "" if libvirt has none (volumes).
        xml: The persistent definition (INACTIVE, with secrets).
        live_xml: The running definition, None while inactive.
        autostart: None if the kind has no autostart.
        runtime_id: Changes with each start; None while inactive.
        ownership_mark: The ownership mark, None without one or if libvirt keeps no metadata.
        saved: Whether its memory is saved to a file; it is restored with the devices it had then.
        leftovers: Data that libvirt keeps of it beside its definition: snapshots, checkpoints.
        job: The job that runs in it, "" for none.
        state_reason: The reason why it does not run, None if it runs or the reason is unknown.
        available: Its free space in bytes, None if it has none or it is unknown.
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
    ownership_mark: OwnershipMark | None = None
    leftovers: frozenset[Leftover] = frozenset()
    job: str = ""
    state_reason: StateReason | None = None
    available: int | None = None

    @property
    def tree(self) -> Node:
        """The persistent definition."""
        return parse(self.xml)

    @property
    def live(self) -> Node | None:
        """The running definition, None while inactive."""
        return parse(self.live_xml) if self.live_xml is not None else None
