"""Define one object as its spec defines it (`Desired`), and as libvirt reports it (`Actual`)."""

from dataclasses import dataclass, field
from enum import Enum

from kvmreconcile.model.content import Content
from kvmreconcile.model.lifecycle import Leftover
from kvmreconcile.model.policy import Policy
from kvmreconcile.model.source import Source
from kvmreconcile.tree import Change, Node, parse


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The kind and name of an object; the name of a volume is "pool/name"."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def read(cls, text: str) -> "Key":
        """Read a key such as "Domain/web1" or "Volume/pool/name"; without a slash, the name is empty."""
        kind, _, name = text.partition("/")
        return cls(kind, name)


class Power(Enum):
    """The desired power state of a domain, network or pool; only domains can be paused."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"


class StateReason(Enum):
    """Why a domain is paused or off, according to libvirt; only reasons that affect plans."""

    PAUSED = "paused by a user or another tool"
    IO_ERROR = "paused by an I/O error"
    WATCHDOG = "paused by its watchdog"
    PANIC = "the guest crashed and its memory is preserved"
    MIGRATION = "its post-copy migration failed"
    STOPPED = "it was shut down by the guest or stopped by another tool"


@dataclass(frozen=True, slots=True)
class Reference:
    """
    A place where a spec names another object.

    Attributes:
        name: The object as named in the spec; for a volume of the same pool, the pool may be omitted.
    """

    name: Key
    source: Source

    def means(self, key: Key) -> bool:
        """Return whether the reference may name the object `key`."""
        return self.name.kind == key.kind and f"/{key.name}".endswith(f"/{self.name.name}")


@dataclass(frozen=True, slots=True)
class RefusedParts:
    """
    Parts of an object that differ from the spec because libvirt refused to change them.

    Attributes:
        parts: The places of the parts, as the steps of changes.
        undo: Stored changes that libvirt refused; they are undone.
        beside: Further changes that were stored together with `undo`; they are undone unless they are
            in force.
    """

    parts: tuple[tuple[str, ...], ...]
    undo: tuple[Change, ...] = ()
    beside: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Creation:
    """
    The parts of a spec that are used only when an object or a list member in it is created.

    Attributes:
        uuid: The UUID of a new object whose spec sets none; "" for a kind without UUIDs.
        plain: Whether a new object or list member gets only libvirt's own defaults.
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
        tree: The values that the spec sets.
        creation: Values that are used only when the object or a list member in it is created.
        power: The desired power state; None if the power state is not managed.
        autostart: Whether the object should have autostart; None if autostart is not managed.
        labels: Labels, by which users and policies select objects.
        after: Objects that must run and be ready before this one is started. Objects that should not
            run are ignored.
        references: Known places where the spec names other objects.
        places: Where the spec sets values that must be unique, by the XPath of the value.
        refused_parts: Parts that keep their current value because libvirt refused the change; None if
            there are none.
        placed: Whether the spec selects the hosts on which the object exists.
        owner: The document, such as a set, that generates the object; None if the object has a document
            of its own.
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
        """Return where the spec names the object `other`; the start of the spec if the place is unknown."""
        return next((each.source for each in self.references if each.means(other)), self.source)

    def source_in(self, place: str) -> Source:
        """Return where the spec sets the value at an XPath; the start of the spec if the place is unknown."""
        return dict(self.places).get(place, self.source)


@dataclass(frozen=True, slots=True)
class OwnershipMark:
    """
    The ownership mark in an object's metadata.

    Attributes:
        instance: The name of the instance that manages the object.
        key: The key of the object when the mark was written.
        uuid: The UUID of the object when the mark was written.
    """

    instance: str
    key: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Actual:
    """
    One object as libvirt reports it.

    Attributes:
        uuid: The UUID; "" for volumes, which have none.
        xml: The persistent definition (INACTIVE, with secrets).
        live_xml: The running definition; None while the object is inactive.
        autostart: Whether the object has autostart; None if the kind has no autostart.
        runtime_id: An ID that changes with each start; None while the object is inactive.
        ownership_mark: The ownership mark; None if the object has no mark or libvirt keeps no metadata
            for its kind.
        saved: Whether the memory is saved to a file (managed save). The next start restores it with the
            devices of that time.
        leftovers: Data that libvirt keeps beside the definition, such as snapshots and checkpoints.
        job: The name of the running job; "" if no job runs.
        state_reason: Why the object does not run; None if it runs or the reason is unknown.
        available: The free space in bytes; None if the kind has none or the value is unknown.
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
        """The running definition; None while the object is inactive."""
        return parse(self.live_xml) if self.live_xml is not None else None
