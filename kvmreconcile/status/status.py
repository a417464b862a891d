"""
The snapshot: the daemon and all its objects at one moment.

Separate from how one follows from another, because readers need only this.
"""

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
        since: When it was made or lost.
        why: Why there is none, "" if there is one.
        host: Which host answers, None where that is not known.
    """

    uri: str
    since: datetime
    why: str = ""
    host: HostId | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """The commit that specs are read from, and since when this daemon does; the commit is "" outside git."""

    commit: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LastPass:
    """
    The last pass that saw all it had to.

    Attributes:
        at: When it began.
        took_s: Until it had planned.
        digest: Of its plan: what an approval quotes.
        allowed: How many steps of its plan it did or is doing.
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
    What the daemon knows.

    Attributes:
        at: When it last learnt anything.
        link: None before the first attempt to connect.
        revision: None before the first pass.
        last: None before the first pass.
        broken: Why no pass came to its end since the last that did, "" if none was broken off.
        paused: Somebody's word that nothing at all is to be done, None if nobody said so.
        problems: What is wrong with specs.
        notes: Warnings about specs.
        blind: What of the host could not be listed.
        lost: Why the state is taken to be lost, and what to do; "" where it is not.
        elsewhere: Objects without a spec whose removal is not proposed, by the name of the source of specs that they
            come from.
        objects: How each stands, in the order of their keys: all that have a spec, and what else is to be acted on.
        failures: What the last attempt at an object failed with; kept for when it is told again.
        unready: Why objects do not do their work, though they are as their specs say.
        commands: How the commands in messages are called.
    """

    instance: str
    host: str
    version: str
    started: datetime
    at: datetime
    link: Link | None = None
    revision: Revision | None = None
    last: LastPass | None = None
    broken: str = ""
    paused: Suspension | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    unobservable: tuple[Unobservable, ...] = ()
    lost: str = ""
    elsewhere: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
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
        """Tell whether libvirt can be reached."""
        return self.link is not None and not self.link.why

    @property
    def is_converged(self) -> bool:
        """Tell whether all is known and as the specs say."""
        has_looked = self.is_connected and self.last is not None and not self.broken
        is_whole = has_looked and not self.problems and not self.lost
        return is_whole and all(s.is_converged for s in self.objects.values())

    def counts(self) -> dict[Condition, int]:
        """Return how many objects are in each condition, every one of them named."""
        found = Counter(standing.condition for standing in self.objects.values())
        return {condition: found[condition] for condition in Condition}
