"""Define all that a plan is made from, beside rules: specs, observed objects and the state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from kvmreconcile.errors import Problem
from kvmreconcile.model.applied import Applied
from kvmreconcile.model.commands import Commands
from kvmreconcile.model.edits import Probation, StoredEdit
from kvmreconcile.model.host_id import HostId
from kvmreconcile.model.objects import Desired, Key, Obstacle
from kvmreconcile.model.observation import Observation
from kvmreconcile.model.provenance import Provenance
from kvmreconcile.model.suspension import Suspension


class Prune(Enum):
    """What happens to a managed object whose spec is gone."""

    NEVER = "never"
    CONFIRM = "confirm"
    AUTO = "auto"


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
        elsewhere: Objects whose specs are for other hosts, each with these hosts.
        moved_here: Objects whose specs were for other hosts before, each with these hosts, until they are managed here.
        owners: The documents that stand for objects, by object; for an object without a spec, the last one.
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
    elsewhere: Mapping[Key, str] = field(default_factory=dict)
    moved_here: Mapping[Key, str] = field(default_factory=dict)
    owners: Mapping[Key, Key] = field(default_factory=dict)
