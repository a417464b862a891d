"""
Define the events that the daemon publishes, and publish events to subscribers.

Subscribers (status, metrics, history, notifications) are functions. Each subscriber is called with
every event, in the thread that publishes the event, and must return at once.
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
        host: The identity of the connected host, None if libvirt did not identify the host.
    """

    at: datetime
    uri: str
    host: HostId | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """libvirt cannot be reached. The last known state of objects may be out of date."""

    at: datetime
    uri: str
    why: str


@dataclass(frozen=True, slots=True)
class PassPlanned:
    """
    A pass has observed the host and made a plan. It now executes the allowed part of the plan.

    Attributes:
        at: When the pass started.
        triggered_by: The triggers of the pass; empty if a retry or the end of a hold was due.
        commit: The commit of the specs; "" if the specs are not in git.
        plan: The complete plan.
        allowed: The part of the plan that is executed now, without objects that are waiting or
            busy.
        waits: The objects that wait for a retry after a recent attempt.
        busy: The objects that an earlier pass is still changing.
        took_s: Seconds from the start of the pass until the plan was made.
        author: The author of the commit; "" if the specs are not in git.
        lag_s: Seconds from the first event or file change that triggered the pass until the plan
            was made; None if the pass had another trigger.
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
    """A step of a pass has ended or was skipped. Published by the thread that executes the step."""

    at: datetime
    pass_planned: PassPlanned
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PassFinished:
    """
    The allowed part of a plan was executed.

    Attributes:
        report: The outcomes of the steps.
        waits: The objects that now wait for a retry.
        took_s: Seconds from the start to the end of the execution.
    """

    pass_planned: PassPlanned
    report: Report
    waits: Mapping[Key, Wait]
    took_s: float


@dataclass(frozen=True, slots=True)
class ReadinessProbed:
    """
    The readiness checks of running guests were run.

    Attributes:
        probed: The guests that were checked.
        unready: By guest that is not ready, the reason.
    """

    at: datetime
    probed: frozenset[Key]
    unready: Mapping[Key, str]


@dataclass(frozen=True, slots=True)
class PassFailed:
    """
    A pass was aborted before or during planning, or its execution raised an error.

    Attributes:
        why: The error message.
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
        where: The URL of the repository, without a password.
        commit: The commit that is used from now on; "" if there is none.
        why: Why a newer commit could not be fetched or was refused; "" after a success.
    """

    at: datetime
    where: str
    commit: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderGiven:
    """
    A user's request to the daemon is carried out.

    For an approval, the pass that uses the approval publishes this event before PassPlanned.

    Attributes:
        order: "approve", "suspend", "resume", "reconcile" or "accept".
        about: The digest of the plan or the key of the object; "" for all objects.
        who: The name of the user.
        why: The reason that the user gave; "" if there is none.
    """

    at: datetime
    order: str
    about: str
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """A request was refused since the user's role does not permit it. Fields: see `OrderGiven`."""

    at: datetime
    order: str
    about: str
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class HistoryNotWritten:
    """
    Writing the history failed, or works again. The daemon continues without the history.

    Attributes:
        why: The error; "" if the history can be written again.
    """

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
    """
    Pass an event to all subscribers.

    If a subscriber raises an exception, it is logged and ignored.
    """
    for subscriber in subscribers:
        try:
            subscriber(event)
        except Exception:
            log.exception("daemon.follower_failed", follower=repr(subscriber))
