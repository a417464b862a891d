"""
What the daemon tells its followers (status, metrics, history, notifications), as frozen values.

Separate from the passes, which know none of them: a follower is a function that is called with each piece of
news, in the thread where it happens, and returns at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from kvmreconcile.events.attempts import Wait
from kvmreconcile.model import HostId, Key, Outcome, Plan, Report, World
from kvmreconcile.source.load import Loaded


@dataclass(frozen=True, slots=True)
class Connected:
    """
    libvirt can be reached.

    Attributes:
        host: Which host answers, None where that could not be found out.
    """

    at: datetime
    uri: str
    host: HostId | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """libvirt cannot be reached, or no longer can: what is known of its objects may be out of date."""

    at: datetime
    uri: str
    why: str


@dataclass(frozen=True, slots=True)
class PassPlanned:
    """
    A pass has observed and planned, and now does what the plan allows.

    Attributes:
        at: When it began.
        rung_by: Why it was made; empty where something was due again.
        commit: Of the specs; "" outside git.
        plan: All that is to be done.
        allowed: The part of it that is done now; objects that failed lately or are busy are left out.
        waits: Objects that are left alone because they failed lately.
        busy: Objects that an earlier pass is still working on.
        took_s: From its start until it had planned.
        author: Who wrote the commit, as it says.
        lag_s: From the first event or file change that it answers until it had planned, None if it answers none.
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
    """One step of a pass has ended or was skipped; told as it happens, from the thread that did it."""

    at: datetime
    planned: PassPlanned
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PassFinished:
    """What a pass was allowed to do is done or has failed; `waits` are the objects now left alone for a while."""

    planned: PassPlanned
    report: Report
    waits: Mapping[Key, Wait]
    took_s: float


@dataclass(frozen=True, slots=True)
class ReadinessProbed:
    """
    Running guests were checked for readiness, those whose specs say how it shows.

    Attributes:
        asked: The guests that were checked.
        unready: Those of them that are not ready, and why.
    """

    at: datetime
    asked: frozenset[Key]
    unready: Mapping[Key, str]


@dataclass(frozen=True, slots=True)
class PassFailed:
    """
    A pass could not be made or finished; nothing new is known.

    Attributes:
        failure: The class of the error.
    """

    at: datetime
    pass_id: str
    why: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryChecked:
    """
    The repository of specs was asked for news.

    Attributes:
        where: Its URL, without a password.
        commit: In force from now on; "" for none.
        why: Why a newer one cannot be had or must not be used, "" where all is well.
    """

    at: datetime
    where: str
    commit: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderGiven:
    """
    Somebody has told the daemon what to do; an approval is told by the pass that follows it, before what it saw.

    Attributes:
        order: A word such as "approve", "suspend", "resume" or "reconcile".
        about: The plan's digest or the object's key; "" for everything.
        who: The user who said so, as this host knows him.
        why: What he said for people, "" for nothing.
    """

    at: datetime
    order: str
    about: str
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """Somebody who may not has told the daemon what to do, and it is not done; fields as those of `Ordered`."""

    at: datetime
    order: str
    about: str
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class HistoryNotWritten:
    """The history cannot be written, and why; "" once it can be again. All else goes on."""

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


def publish(subscribers: tuple[Subscriber, ...], news: PassEvent) -> None:
    """Tell all followers; one that fails is logged and stops neither the others nor the daemon."""
    for follower in subscribers:
        try:
            follower(news)
        except Exception:
            log.exception("daemon.follower_failed", follower=repr(follower))
