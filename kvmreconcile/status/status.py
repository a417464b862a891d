"""Define the status snapshot: the daemon and all its objects at one moment."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kvmreconcile.errors import Problem
from kvmreconcile.model import Commands, HostId, Key, Suspension, Unobservable
from kvmreconcile.render.view import APPROVABLE
from kvmreconcile.status.condition import Condition, ObjectStatus


@dataclass(frozen=True, slots=True)
class Link:
    """
    The connection to libvirt.

    Attributes:
        since: When it was established or lost.
        why: Why there is no connection, "" if there is one.
        host: The host that answers, None if it is not known.
    """

    uri: str
    since: datetime
    why: str = ""
    host: HostId | None = None


@dataclass(frozen=True, slots=True)
class RevisionInUse:
    """The commit that specs are read from, and since when this daemon uses it; the commit is "" outside git."""

    commit: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LastPass:
    """
    The last pass that made a plan.

    Attributes:
        at: When it started.
        took_s: Time from the start until the plan was made.
        digest: The digest of its plan, which an approval names.
        allowed: How many steps of its plan were or are executed.
    """

    pass_id: str
    at: datetime
    took_s: float
    triggered_by: tuple[str, ...]
    digest: str
    allowed: int


@dataclass(frozen=True, slots=True)
class Status:
    """
    The status of the daemon and its objects.

    Attributes:
        at: Time of the last event.
        link: None before the first attempt to connect.
        revision: None before the first pass.
        last: None before the first pass.
        broken: Why the last pass was aborted, "" if a plan was made since.
        paused: The suspension of all objects, None if there is none.
        problems: Problems in specs.
        notes: Warnings about specs.
        unobservable: Parts of the host that could not be listed.
        lost: Why the state database appears to be lost, and what to do; "" if it does not.
        elsewhere: Objects without a spec that another source of specs owns, by the name of that source; their
            removal is not proposed.
        objects: The status of all objects that have a spec or are in the plan, ordered by key.
        failures: Errors of the last attempts, by object; reported as long as the object waits for a retry.
        unready: Reasons of failed readiness checks, by object.
        commands: How messages call this program.
    """

    instance: str
    host: str
    version: str
    started: datetime
    at: datetime
    link: Link | None = None
    revision: RevisionInUse | None = None
    last: LastPass | None = None
    broken: str = ""
    paused: Suspension | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    unobservable: tuple[Unobservable, ...] = ()
    lost: str = ""
    elsewhere: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    placed_elsewhere: int = 0
    objects: Mapping[Key, ObjectStatus] = field(default_factory=dict)
    failures: Mapping[Key, str] = field(default_factory=dict)
    unready: Mapping[Key, str] = field(default_factory=dict)
    commands: Commands = field(default_factory=Commands)

    @property
    def approve(self) -> str:
        """The command that approves the last pass's plan, "" if nothing in it waits for that."""
        waits = any(s.hold in APPROVABLE for s in self.objects.values())
        return self.commands.kvmreconcile("approve", self.last.digest) if waits and self.last else ""

    @property
    def is_connected(self) -> bool:
        """Return whether libvirt can be reached."""
        return self.link is not None and not self.link.why

    @property
    def is_converged(self) -> bool:
        """Return whether all objects are known and match their specs."""
        is_observed = self.is_connected and self.last is not None and not self.broken
        is_complete = is_observed and not self.problems and not self.lost
        return is_complete and all(s.is_converged for s in self.objects.values())

    def counts(self) -> dict[Condition, int]:
        """Return the number of objects in each condition, including conditions without objects."""
        found = Counter(object_status.condition for object_status in self.objects.values())
        return {condition: found[condition] for condition in Condition}
