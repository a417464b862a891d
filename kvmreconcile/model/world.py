"""Define the inputs of a plan other than rules: specs, observed objects and the state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from kvmreconcile.errors import Problem
from kvmreconcile.model.applied import Applied
from kvmreconcile.model.commands import Commands
from kvmreconcile.model.content import Obstacle
from kvmreconcile.model.edits import Probation, StoredEdit
from kvmreconcile.model.facts import Facts
from kvmreconcile.model.host_id import HostId
from kvmreconcile.model.objects import Desired, Key
from kvmreconcile.model.observation import Observation
from kvmreconcile.model.provenance import Provenance
from kvmreconcile.model.suspension import Suspension


class Prune(Enum):
    """What happens to a managed object when its spec is deleted."""

    NEVER = "never"
    CONFIRM = "confirm"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """
    When the current content of specs was first seen, in seconds of one clock.

    Attributes:
        read_s: When the specs were last read.
        since_s: When the current document of each object was first seen. For an object without a
            document: when the document was first missing.
        rest_s: The value for objects that are not in `since_s`.
        delivered: Whether all specs arrive together, as in a commit, so that no document can be
            incomplete.
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
    The inputs of a plan other than rules.

    Attributes:
        instance: The name of this instance.
        host: The name of this host, for placement.
        now: The time of the pass, with zone.
        frozen: Objects with a spec that failed to load. They are neither changed nor pruned.
        complete: Whether every spec was read. If not, no object is pruned.
        prune: What happens to objects with a deleted spec, by kind.
        suspended: Suspensions by object; the key None stands for all objects. May include expired
            suspensions.
        probations: Edits on probation, and edits that were rolled back.
        obstacles: Why the content of existing or new objects cannot be used.
        lacking: Host requirements of objects to be stored or started that the host does not meet.
        refused: Why libvirt's embedded driver rejected the new definition of an object.
        edits: Stored edits that are not known to be in force, and edits that libvirt refused.
        software: The versions of libvirt and QEMU; "" if unknown.
        first_seen: When the current specs were first seen. By default, they have just been read.
        provenance: The spec source of each object, and the source that was read.
        host_id: The host that libvirt manages; None if this was not queried.
        commands: Renders the commands in messages.
        lost: Why the state may be lost, and advice; "" if it is not.
        notes: Warnings about specs; they do not block the plan.
        files: The file of each object's last spec, from the state.
        unread: Managed objects without a spec that were last defined in a file that was not read, and
            why it was not read.
        elsewhere: Objects with a spec for other hosts, each with a text that names these hosts.
        moved_here: Objects whose specs were for other hosts before, each with a text that names these
            hosts. Their creation needs an approval.
        present_owners: The documents that generate others and that exist, valid or not.
        facts: What is known of the host beside its objects.
        owners: The documents that generate objects, by object; for an object without a spec, the last
            such document.
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
    present_owners: frozenset[Key] = frozenset()
    facts: Facts = field(default_factory=Facts)
    owners: Mapping[Key, Key] = field(default_factory=dict)
