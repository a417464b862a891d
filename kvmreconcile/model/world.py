"""
All that a plan depends on beside the rules: what is wanted, what was seen, and what is remembered.

Separate from plans, which are made from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from kvmreconcile.errors import Problem
from kvmreconcile.model.commands import Commands
from kvmreconcile.model.host_id import HostId
from kvmreconcile.model.objects import Actual, Desired, Key, Obstacle, Stamp
from kvmreconcile.model.policy import Leftover
from kvmreconcile.model.provenance import Provenance
from kvmreconcile.tree import Change, Node


@dataclass(frozen=True, slots=True)
class Unknown:
    """An object that may or may not exist: libvirt could not be asked. Never the same as absent."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class Unobservable:
    """
    A part of the host that could not be listed.

    Attributes:
        prefix: Every key that starts with this ("Volume/", "Volume/default/") is unknown.
        until: The object that must first be active; None where nothing we can do would help.
        lost: Whether the connection no longer reaches that part, though a new one may.
        unsupported: Whether libvirt serves no such objects here, so that there are none.
    """

    prefix: str
    why: str
    until: Key | None = None
    lost: bool = False
    unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """All that was seen, and what could not be."""

    objects: Mapping[Key, Actual | Unknown] = field(default_factory=dict)
    unobservable: tuple[Unobservable, ...] = ()

    def actual(self, key: Key) -> Actual | None:
        """Return an object as it was seen, None if it is absent or unknown."""
        seen = self.objects.get(key)
        return seen if isinstance(seen, Actual) else None

    def unobservable_part(self, key: Key) -> Unobservable | None:
        """Return the part of the host that hides an object, None if nothing does."""
        return next(
            (unobservable for unobservable in self.unobservable if str(key).startswith(unobservable.prefix)),
            None,
        )

    def is_active(self, key: Key) -> bool:
        """Tell whether an object was seen to be active."""
        actual = self.actual(key)
        return actual is not None and actual.active


@dataclass(frozen=True, slots=True)
class Settled:
    """libvirt keeps a value otherwise than asked; not planned again until either side changes."""

    path: str
    asked: str
    answered: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RememberedPending:
    """
    A change that is stored but not in force, and does not show in the running definition.

    `steps` and `rule` are those of the change; `was` is in force, `now` is stored; None where there is nothing.
    """

    steps: tuple[str, ...]
    rule: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class StartedStep:
    """
    A step that was begun and is not known to have ended well.

    Attributes:
        reason: Why it is planned if it is tried again: the name of a `Reason`.
        digest: Of what the spec said when it was begun.
    """

    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Applied:
    """
    What we last asked for.

    Attributes:
        tree: What the spec said, secret values replaced by a mark.
        digest: Of what the spec said, to tell an edit from drift; "" while a change is under way, so that parts of
            two specs may be in force.
        complete: False from before an object is created until all of it exists.
        settled: What libvirt keeps otherwise than asked.
        runtime_id: The run of the object in which `pending` arose.
        pending: What is stored, not yet in force, and does not show in the running definition.
        protect: Whether the last spec forbade removal, which holds after the spec is gone.
        removal: What the last spec lets be removed with it.
        left: Whether others stopped it and it stays off; libvirt forgets why it is off when libvirt restarts.
        secrets: Paths at and below which values are secret: those of the last spec, and those of earlier specs whose
            values definitions still hold.
        begun: The step that is under way, None where none is or that is not known.
        sealed: A slow hash of the secret values of the spec, to tell an edit of one from drift; "" without any.
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
    An edit that is on trial until the object turns out to do its work with it, or that was taken back.

    Attributes:
        edit: A digest of what the spec says.
        tree: What the spec said before, secret values replaced by a mark.
        autostart: Whether the object was started with the host before.
        failed: Why it is taken back, "" while it is on trial.
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
        parts: What was refused, as the steps of changes.
        within: The element that the refused step is about; empty where it is about the parts alone.
        why: What libvirt said.
        tries: How often it was refused.
        until: When it is tried again by itself; None for not before the spec, libvirt or QEMU is another.
    """

    parts: tuple[tuple[str, ...], ...]
    within: tuple[str, ...]
    why: str
    tries: int = 1
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredEdit:
    """
    What we stored in an object's definition and is not known to be in force: the way back if a step is refused.

    Attributes:
        edit: A digest of what the spec says.
        changes: From the definition of which the last run is known to be, to the stored one; secret values are
            replaced by a mark.
        filled: What libvirt itself changed beside that, such as controllers for new devices.
        refused: What of it libvirt refused.
        software: The versions of libvirt and QEMU that refused it, "" where nothing is refused or they are unknown.
    """

    edit: str
    changes: tuple[Change, ...] = ()
    filled: tuple[Change, ...] = ()
    refused: tuple[Refusal, ...] = ()
    software: str = ""


class Prune(Enum):
    """What becomes of an object of ours whose spec is gone."""

    NEVER = "never"
    CONFIRM = "confirm"
    AUTO = "auto"


LATEST = datetime(9999, 12, 31, 9, 59, 59, tzinfo=UTC)
"""The latest moment whose date can be represented in every time zone; the furthest is 14 hours ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """
    Somebody's order that nothing be done to an object, or to any.

    Attributes:
        until: When it ends by itself, with zone; None for not before somebody resumes.
        why: A reason for people, "" if none was given.
        who: Who gave the order.
    """

    since: datetime
    until: datetime | None = None
    why: str = ""
    who: str = ""

    def holds(self, now: datetime) -> bool:
        """Tell whether it is in force at a moment; at its very end it no longer is."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """
    Since when the specs have said what they say, in seconds of one clock.

    Attributes:
        read_s: When they were last read.
        since_s: Since when the document of an object has said what it says; of an object without a document, since
            when it has had none.
        rest_s: The same for objects that are not in `since_s`.
        delivered: Whether the specs come as a whole, as a commit does, so that no document can be cut.
    """

    read_s: float = 0.0
    since_s: Mapping[Key, float] = field(default_factory=dict)
    rest_s: float = 0.0
    delivered: bool = False

    def age_s(self, key: Key) -> float:
        """Return for how long the specs have said of an object what they say; never less than nothing."""
        return max(0.0, self.read_s - self.since_s.get(key, self.rest_s))


@dataclass(frozen=True, slots=True)
class World:
    """
    All that a plan depends on, beside the rules.

    Attributes:
        frozen: Keys whose spec failed to load: neither changed nor pruned.
        complete: Whether every spec was read; without it nothing is pruned.
        prune: What becomes of orphans, by kind.
        host: This host's name, for placement.
        now: The time of the pass, with zone.
        suspended: Objects that nothing is to be done to, None for all of them; may include suspensions that are over.
        trials: Edits that are on trial, or were taken back.
        obstacles: What of the objects' content, old or new, cannot be used.
        lacking: What the host lacks for objects that would be stored or started.
        refused: Why libvirt's embedded driver rejected the definitions that objects are to have.
        edits: Edits that are stored and not known to be in force, and those that libvirt refused.
        software: The versions of libvirt and QEMU, "" if unknown.
        sightings: Since when the specs have said what they say. Without it they have only just been read.
        provenance: From which sources of specs objects come, and which was read.
        host_id: Which host libvirt manages; None where nobody asked.
        commands: How the commands in messages are called.
        lost: Why what the state said is taken to be lost, and what to do; "" where it is not.
        notes: Warnings about specs, which do not block the plan.
        files: In which file the spec of each object is, as the state remembers it.
        unread: Objects of ours without a spec whose last spec was in a file that was not read, and why.
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
"""Finds an object's definition, desired or actual, for rules that read across objects."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    What completing a proposed definition may depend on beside the definition.

    Attributes:
        uuid: The UUID for a definition that has none.
        stamp: The owner's mark to write, where the kind keeps metadata.
        plain: Whether new members get only what libvirt itself gives them.
    """

    uuid: str
    stamp: Stamp
    plain: bool
    lookup: Lookup
