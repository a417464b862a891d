"""
Compute the messages to send after an event.

The functions are pure. A problem is reported when it begins. It is reported again only if it was resolved in between.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from kvmreconcile.events.events import (
    ActionFinished,
    OrderGiven,
    PassEvent,
    PassFailed,
    PassFinished,
    PassPlanned,
    RepositoryChecked,
)
from kvmreconcile.model import Hold, Key
from kvmreconcile.reconcile.drift import find_healed
from kvmreconcile.status import Condition, ObjectStatus, Status


class Topic(Enum):
    """The topic of a message; the settings of a receiver select topics."""

    FAILED = "failed"
    HELD = "held"
    RECOVERED = "recovered"
    HEALED = "healed"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message of a notification.

    Attributes:
        subject: Identifies what the message is about. A later message with an equal subject replaces this message.
        key: The object that the message is about; None if the message is not about an object.
    """

    topic: Topic
    subject: str
    text: str
    key: Key | None = None


NOT_REPORTED = frozenset(
    {
        Hold.WINDOW,
        Hold.GROUP,
        Hold.BUSY,
        Hold.SUSPENDED,
        Hold.BROKEN,
        Hold.INCOMPLETE,
        Hold.SETTLE,
        Hold.LOST_STATE,
    }
)
"""Holds without a message: they end automatically, were requested by a user, or are reported otherwise."""
REPORTED_ABORTS = 3
"""How many passes in a row must be aborted before a message is sent. A user's `apply` can abort a single pass."""

_FAILED = (Condition.FAILED, Condition.UNREADY)
_RESOLVED = (Condition.READY, Condition.PENDING)
_UNCLEAR = (Condition.CHANGING, Condition.UNKNOWN)


@dataclass(frozen=True, slots=True)
class NotificationState:
    """
    What must be remembered from one event to the next.

    Attributes:
        open: The messages that were sent and whose problems are not resolved yet, by subject.
        aborted: How many passes in a row were aborted.
        refused: Why the repository's newest revision is not used; "" if it is used.
    """

    open: Mapping[str, Message] = field(default_factory=dict)
    aborted: int = 0
    refused: str = ""


def next_messages(
    state: NotificationState, event: PassEvent, status: Status
) -> tuple[NotificationState, tuple[Message, ...]]:
    """
    Return the next state, and the messages to send after an event.

    Args:
        status: The status snapshot after the event.
    """
    if isinstance(event, ActionFinished):
        return state, ()
    state = _record_event(state, event)
    present = {message.subject: message for message in _list_failures_and_holds(state, status)}
    still_open = {s: m for s, m in state.open.items() if s not in present and not _is_over(m, status)}
    started = [message for subject, message in present.items() if subject not in state.open]
    resolved = [m for s, m in state.open.items() if s not in present and s not in still_open]
    messages = (*_list_events(event), *started, *(each for m in resolved for each in _recovery(m, status)))
    return replace(state, open={**still_open, **present}), messages


def _record_event(state: NotificationState, event: PassEvent) -> NotificationState:
    match event:
        case PassFailed():
            return replace(state, aborted=state.aborted + 1)
        case PassPlanned():
            return replace(state, aborted=0)
        case RepositoryChecked(why=why, where=where):
            refused = f"the repository {where}: {why.removeprefix(f'{where}: ')}" if why else ""
            return replace(state, refused=refused)
    return state


def _list_events(event: PassEvent) -> Iterator[Message]:
    """Yield messages about an event that only happens once, unlike a problem that lasts."""
    match event:
        case PassFinished():
            for key in sorted(find_healed(event)):
                verbs = (o.action.verb.name for o in event.report.outcomes if o.action.key == key)
                did = ", ".join(dict.fromkeys(verbs))
                yield Message(
                    Topic.HEALED, f"healed {key}", f"{key} had drifted from its spec and was corrected: {did}"
                )
        case OrderGiven(order="approve", who=who, about=about, why=why):
            reason = f": {why}" if why else ""
            yield Message(Topic.APPROVED, f"approved {about}", f"{who} approved plan {about}{reason}")


def _list_failures_and_holds(state: NotificationState, status: Status) -> Iterator[Message]:
    """Yield a message for each current failure and hold."""
    link = status.link
    if link and link.why:
        yield _failure("libvirt", f"libvirt ({link.uri}) cannot be reached: {link.why}")
    if state.aborted >= REPORTED_ABORTS:
        yield _failure("passes", f"{state.aborted} passes in a row were aborted; the last: {status.broken}")
    if state.refused:
        yield _failure("repository", state.refused)
    if status.lost:
        yield _failure("state", status.lost)
    for problem in status.problems:
        yield _failure(" ".join(("spec", *problem.subject)), str(problem))
    yield from _list_objects(status)


def _list_objects(status: Status) -> Iterator[Message]:
    """Yield a message for each object that fails or is held."""
    for key, object_status in status.objects.items():
        if object_status.condition in _FAILED:
            yield _failure(str(key), f"{key}: {object_status.why}", key)
        elif (
            object_status.condition is Condition.HELD
            and object_status.hold
            and object_status.hold not in NOT_REPORTED
        ):
            subject = f"{key} {object_status.hold.name.lower()}"
            yield Message(Topic.HELD, subject, _describe_hold(key, object_status), key)


def _failure(subject: str, text: str, key: Key | None = None) -> Message:
    return Message(Topic.FAILED, subject, text, key)


def _describe_hold(key: Key, object_status: ObjectStatus) -> str:
    verbs = f"{', '.join(object_status.verbs)} " if object_status.verbs else ""
    release = f"; to release: {object_status.release}" if object_status.release else ""
    return f"{key}: {verbs}held: {object_status.why}{release}"


def _is_over(message: Message, status: Status) -> bool:
    """
    Return whether a problem that is no longer found is resolved.

    A problem is not resolved while its object is unknown or is being changed.
    """
    object_status = status.objects.get(message.key) if message.key else None
    if object_status is None:
        return True
    if message.topic is Topic.HELD:
        return object_status.condition not in _UNCLEAR
    return object_status.condition in _RESOLVED


def _recovery(message: Message, status: Status) -> Iterator[Message]:
    """Yield a message that a failure is resolved, unless the status no longer contains its object."""
    if message.topic is Topic.FAILED and (message.key is None or message.key in status.objects):
        text = f"resolved: {message.text}"
        yield Message(Topic.RECOVERED, message.subject, text, message.key)
