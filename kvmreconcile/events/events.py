"""
Define the events that the daemon publishes, and publish them to subscribers.

Subscribers (status, metrics, history, notifications) are functions. Each is called with every event, in the thread
that publishes it, and must return at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from kvmreconcile.events.attempts import Wait
from kvmreconcile.model import HostId, Key, Outcome, Plan, Report, World
from kvmreconcile.source.loaded import Loaded


@dataclass(frozen=True, slots=True)
class Connected:
    """
    A connection to libvirt was established.

    Attributes:
        host: The host that answers, None if libvirt did not identify it.
    """

    at: datetime
    uri: str
    host: HostId | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """libvirt cannot be reached, or the connection was lost; the known state of objects may be out of date."""

    at: datetime
    uri: str
    why: str


@dataclass(frozen=True, slots=True)
class PassPlanned:
    """
    A pass has observed the host and made a plan, and starts to execute the allowed part of it.

    Attributes:
        at: When the pass started.
        triggered_by: Reasons for the pass; empty if a retry or the end of a hold was due.
        commit: The commit of the specs; "" outside git.
        plan: The complete plan.
        allowed: The part of the plan that is executed now, without objects that are waiting or busy.
        waits: Objects that wait for a retry because they failed recently.
        busy: Objects that an earlier pass is still changing.
        took_s: Time from the start of the pass until the plan was made.
        author: Author of the commit.
        lag_s: Time from the first event or file change that triggered the pass until the plan was made, None if
            no event or file change did.
    """

    at: datetime
    pass_id: str
    triggered_by: tuple[str, ...]
    commit: str
    specs: Loaded
    world: World
    plan: Plan
    allowed: Plan
    waits: Mapping[Key, Wait]
    busy: frozenset[Key]
    took_s: float
    author: str = ""
    lag_s: float | None = None


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """A step of a pass has ended or was skipped; published at once, from the thread that executed it."""

    at: datetime
    pass_planned: PassPlanned
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PassFinished:
    """The allowed part of a plan was executed; `waits` are the objects that now wait for a retry."""

    pass_planned: PassPlanned
    report: Report
    waits: Mapping[Key, Wait]
    took_s: float


@dataclass(frozen=True, slots=True)
class ReadinessProbed:
    """
    Running guests whose specs have a readiness check were checked.

    Attributes:
        probed: The guests that were checked.
        unready: The guests that are not ready, and the reasons.
    """

    at: datetime
    probed: frozenset[Key]
    unready: Mapping[Key, str]


@dataclass(frozen=True, slots=True)
class PassFailed:
    """
    A pass was aborted before or during planning, or its execution raised an error.

    Attributes:
        failure: The class name of the error.
    """

    at: datetime
    pass_id: str
    why: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryChecked:
    """
    The repository of specs was fetched, or the fetch failed.

    Attributes:
        where: URL of the repository, without a password.
        commit: The commit that is used from now on; "" for none.
        why: Why a newer commit could not be fetched or was refused, "" on success.
    """

    at: datetime
    where: str
    commit: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderGiven:
    """
    The daemon carries out an order; an approval is published by the pass that uses it, before its PassPlanned.

    Attributes:
        order: "approve", "suspend", "resume", "reconcile" or "accept".
        about: The plan's digest or the object's key; "" for all objects.
        who: The name of the user.
        why: The reason that the user gave, "" for none.
    """

    at: datetime
    order: str
    about: str
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """An order was refused because the caller's role does not permit it; fields as those of `OrderGiven`."""

    at: datetime
    order: str
    about: str
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class HistoryNotWritten:
    """The history cannot be written, and why; "" once it can be written again. The daemon continues."""

    at: datetime
    why: str


PassEvent = (
    Connected
    | Lost
    | RepositoryChecked
    | PassPlanned
    | ActionFinished
    | PassFinished
    | ReadinessProbed
    | PassFailed
    | OrderGiven
    | OrderRefused
    | HistoryNotWritten
)
Subscriber = Callable[[PassEvent], None]

log = structlog.get_logger()


def publish(subscribers: tuple[Subscriber, ...], event: PassEvent) -> None:
    """Pass an event to all subscribers; an exception of one is logged and does not affect the others."""
    for subscriber in subscribers:
        try:
            subscriber(event)
        except Exception:
            log.exception("daemon.follower_failed", follower=repr(subscriber))
