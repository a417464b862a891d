"""Define the status snapshot of the daemon and all its objects."""

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
        since: When the connection was established or lost.
        why: Why there is no connection; "" if there is a connection.
        host: The host of libvirt; None if the host is not known.
    """

    uri: str
    since: datetime
    why: str = ""
    host: HostId | None = None


@dataclass(frozen=True, slots=True)
class RevisionInUse:
    """
    The revision of the specs in use.

    Attributes:
        commit: The commit; "" if the specs are not in git.
        since: When this daemon began to use the revision.
    """

    commit: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LastPass:
    """
    The last pass that made a plan.

    Attributes:
        at: When the pass started.
        took_s: The seconds from the start until the plan was made.
        triggered_by: The reasons for the pass.
        digest: The digest of the plan, with which the plan can be approved.
        allowed: The number of steps of the plan that the pass executes.
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
        at: The time of the last event.
        link: The connection to libvirt; None before the first attempt to connect.
        revision: The revision of the specs; None before the first pass.
        last: The last pass that made a plan; None before the first such pass.
        broken: Why the last pass was aborted; "" if it was not aborted.
        paused: The suspension of all objects; None if there is no such suspension.
        problems: Problems in specs.
        notes: Warnings about specs.
        unobservable: Parts of the host that could not be listed.
        lost: Why the state database appears to be lost, and what to do; "" if it does not appear to be lost.
        elsewhere: Objects without a spec that belong to another source of specs, by the name of that source.
            The removal of these objects is not proposed.
        objects: The status of all objects that have a spec or are in the plan, ordered by key.
        failures: The errors of objects that wait for a retry.
        unready: The reasons of failed readiness checks, by object.
        commands: Builds the command lines in messages.
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
        """The command that approves the plan of the last pass, or "" if no object waits for approval."""
        waits = any(s.hold in APPROVABLE for s in self.objects.values())
        return self.commands.kvmreconcile("approve", self.last.digest) if waits and self.last else ""

    @property
    def is_connected(self) -> bool:
        """Return whether libvirt can be reached."""
        return self.link is not None and not self.link.why

    @property
    def is_reconciling(self) -> bool:
        """Return whether passes are made: libvirt can be reached, or a pass was made without it."""
        if self.is_connected:
            return True
        return self.last is not None and self.link is not None and self.last.at > self.link.since

    @property
    def is_converged(self) -> bool:
        """Return whether the last pass found the host without problems and all objects match their specs."""
        is_observed = self.is_connected and self.last is not None and not self.broken
        is_complete = is_observed and not self.problems and not self.lost
        return is_complete and all(s.is_converged for s in self.objects.values())

    def counts(self) -> dict[Condition, int]:
        """Return the number of objects in each condition, including conditions without objects."""
        found = Counter(object_status.condition for object_status in self.objects.values())
        return {condition: found[condition] for condition in Condition}
