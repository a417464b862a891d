"""Define what plans are made from, beside rules: desired objects, observed objects and the state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from kvmreconcile.errors import Problem
from kvmreconcile.model.commands import Commands
from kvmreconcile.model.host_id import HostId
from kvmreconcile.model.lifecycle import Leftover
from kvmreconcile.model.objects import Actual, Desired, Key, Obstacle, OwnershipMark
from kvmreconcile.model.provenance import Provenance
from kvmreconcile.tree import Change, Node


@dataclass(frozen=True, slots=True)
class Unknown:
    """An object that may or may not exist, as libvirt could not be asked; it does not count as absent."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class Unobservable:
    """
    A part of the host that could not be listed.

    Attributes:
        prefix: Every key that starts with this ("Volume/", "Volume/default/") is unknown.
        until: The object that must be active first; None if no action would help.
        lost: Whether only a new connection may reach that part.
        unsupported: Whether libvirt does not support such objects here, so that there are none.
    """

    prefix: str
    why: str
    until: Key | None = None
    lost: bool = False
    unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """All observed objects, and the parts of the host that could not be observed."""

    objects: Mapping[Key, Actual | Unknown] = field(default_factory=dict)
    unobservable: tuple[Unobservable, ...] = ()

    def actual(self, key: Key) -> Actual | None:
        """Return an object as observed, None if it is absent or unknown."""
        seen = self.objects.get(key)
        return seen if isinstance(seen, Actual) else None

    def unobservable_part(self, key: Key) -> Unobservable | None:
        """Return the unobservable part of the host that an object belongs to, None for none."""
        return next(
            (unobservable for unobservable in self.unobservable if str(key).startswith(unobservable.prefix)),
            None,
        )

    def is_active(self, key: Key) -> bool:
        """Return whether an object was observed as active."""
        actual = self.actual(key)
        return actual is not None and actual.active


@dataclass(frozen=True, slots=True)
class Settled:
    """A value that libvirt keeps different from the spec; not planned again until either side changes."""

    path: str
    asked: str
    answered: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RememberedPending:
    """
    A change that is stored but not in force, and does not show in the running definition.

    `steps` and `rule` are those of the change; `was` is in force, `now` is stored; None for an absent value.
    """

    steps: tuple[str, ...]
    rule: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class StartedStep:
    """
    A step that was begun and is not known to have succeeded.

    Attributes:
        reason: The reason if it is planned again: the name of a `Reason`.
        digest: The digest of the spec when it was begun.
    """

    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Applied:
    """
    What was last applied to an object.

    Attributes:
        tree: The tree of the spec, with secret values masked.
        digest: The digest of the spec, to distinguish an edit from drift; "" during a change, when parts of two specs
            may be in force.
        complete: False from before the object is created until all of it exists.
        settled: Values that libvirt keeps different from the spec.
        runtime_id: The run of the object in which `pending` arose.
        pending: Changes that are stored, not yet in force, and do not show in the running definition.
        protect: Whether the last spec forbade removal, which applies after the spec is gone.
        removal: Data that the last spec allows to be removed with it.
        left: Whether the guest or another tool stopped it and it stays off; libvirt loses the reason when it restarts.
        secrets: Paths at and below which values are secret: those of the last spec, and those of earlier specs whose
            values definitions still hold.
        begun: The step that was begun, None for none or if unknown.
        sealed: A slow hash of the secret values of the spec, to distinguish an edit of one from drift; "" without any.
    """

    key: Key
    uuid: str
    instance: str
    tree: Node
    digest: str
    complete: bool = True
    settled: tuple[Settled, ...] = ()
    runtime_id: int | None = None
    pending: tuple[RememberedPending, ...] = ()
    protect: bool = False
    removal: frozenset[Leftover] = frozenset()
    left: bool = False
    secrets: tuple[str, ...] = ()
    begun: StartedStep | None = None
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class Probation:
    """
    An edit on probation until the object is ready with it, or that was rolled back.

    Attributes:
        edit: The digest of the spec.
        tree: The tree of the spec before the edit, with secret values masked.
        autostart: Whether the object had autostart before.
        failed: Why it is rolled back, "" during its probation.
    """

    edit: str
    tree: Node
    autostart: bool | None = None
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    A part of an edit that libvirt refused to bring into force.

    Attributes:
        parts: The refused parts, as the steps of changes.
        within: The element that the refused step is about; empty if it is about the parts alone.
        why: The error message.
        tries: How often it was refused.
        until: When it is applied again by itself; None for not until the spec, libvirt or QEMU changes.
    """

    parts: tuple[tuple[str, ...], ...]
    within: tuple[str, ...]
    why: str
    tries: int = 1
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredEdit:
    """
    Changes that were stored in an object's definition and are not known to be in force; undone if a step is refused.

    Attributes:
        edit: The digest of the spec.
        changes: Changes from the definition of the last known run to the stored one; secret values are masked.
        filled: Changes that libvirt itself made with them, such as controllers for new devices.
        refused: The parts that libvirt refused.
        software: The versions of libvirt and QEMU that refused them, "" if none is refused or they are unknown.
    """

    edit: str
    changes: tuple[Change, ...] = ()
    filled: tuple[Change, ...] = ()
    refused: tuple[Refusal, ...] = ()
    software: str = ""


class Prune(Enum):
    """What happens to a managed object whose spec is gone."""

    NEVER = "never"
    CONFIRM = "confirm"
    AUTO = "auto"


LATEST = datetime(9999, 12, 31, 9, 59, 59, tzinfo=UTC)
"""The latest moment whose date can be represented in every time zone; the furthest is 14 hours ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """
    An order that no action is executed on an object, or on any.

    Attributes:
        until: When it ends by itself, with zone; None for not before it is resumed.
        why: The reason that the user gave, "" for none.
        who: The user who gave the order.
    """

    since: datetime
    until: datetime | None = None
    why: str = ""
    who: str = ""

    def holds(self, now: datetime) -> bool:
        """Return whether it is in force at a time; at its end it no longer is."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """
    When the present content of specs was first seen, in seconds of one clock.

    Attributes:
        read_s: When they were last read.
        since_s: When the present document of an object was first seen; for an object without a document, when that was
            first missing.
        rest_s: The same for objects that are not in `since_s`.
        delivered: Whether specs arrive as a whole, as a commit does, so that no document can be incomplete.
    """

    read_s: float = 0.0
    since_s: Mapping[Key, float] = field(default_factory=dict)
    rest_s: float = 0.0
    delivered: bool = False

    def age_s(self, key: Key) -> float:
        """Return how long the spec of an object has been unchanged; never negative."""
        return max(0.0, self.read_s - self.since_s.get(key, self.rest_s))


@dataclass(frozen=True, slots=True)
class World:
    """
    All that a plan depends on, beside rules.

    Attributes:
        frozen: Keys whose spec failed to load: neither changed nor pruned.
        complete: Whether every spec was read; without it nothing is pruned.
        prune: What happens to orphans, by kind.
        host: This host's name, for placement.
        now: The time of the pass, with zone.
        suspended: Suspensions by object, under None that of everything; may include expired ones.
        probations: Edits on probation, and those that were rolled back.
        obstacles: Why the content of objects, old or new, cannot be used.
        lacking: Requirements of objects to be stored or started that the host does not meet.
        refused: Why libvirt's embedded driver rejected the definitions that objects are to have.
        edits: Edits that are stored and not known to be in force, and those that libvirt refused.
        software: The versions of libvirt and QEMU, "" if unknown.
        first_seen: When the present specs were first seen. By default they have only just been read.
        provenance: The source of specs of each object, and the source that was read.
        host_id: The host that libvirt manages; None if libvirt was not asked.
        commands: Renders the commands in messages.
        lost: Why the state may be lost, and advice; "" if it is not.
        notes: Warnings about specs, which do not block the plan.
        files: The file of each object's last spec, from the state.
        unread: Managed objects without a spec whose last spec was in a file that was not read, and why.
    """

    instance: str
    host: str
    now: datetime
    desired: Mapping[Key, Desired]
    observed: Observation
    applied: Mapping[Key, Applied]
    frozen: frozenset[Key] = frozenset()
    complete: bool = True
    prune: Mapping[str, Prune] = field(default_factory=dict)
    suspended: Mapping[Key | None, Suspension] = field(default_factory=dict)
    probations: Mapping[Key, Probation] = field(default_factory=dict)
    obstacles: Mapping[Key, Obstacle] = field(default_factory=dict)
    lacking: Mapping[Key, Obstacle] = field(default_factory=dict)
    refused: Mapping[Key, str] = field(default_factory=dict)
    edits: Mapping[Key, StoredEdit] = field(default_factory=dict)
    software: str = ""
    first_seen: FirstSeen = field(default_factory=FirstSeen)
    provenance: Provenance = field(default_factory=Provenance)
    host_id: HostId | None = None
    commands: Commands = field(default_factory=Commands)
    lost: str = ""
    notes: tuple[Problem, ...] = ()
    files: Mapping[Key, str] = field(default_factory=dict)
    unread: Mapping[Key, Obstacle] = field(default_factory=dict)


Lookup = Callable[[Key], Node | None]
"""Returns an object's definition, desired or actual, for rules that depend on other objects."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    What completing a proposed definition depends on, beside the definition.

    Attributes:
        uuid: The UUID for a definition that has none.
        ownership_mark: The ownership mark to write, if the kind keeps metadata.
        plain: Whether new members get libvirt's defaults only.
    """

    uuid: str
    ownership_mark: OwnershipMark
    plain: bool
    lookup: Lookup
