"""
What there is to tell people, worked out from the newest snapshot and the news that made it.

Separate from telling it. Pure. Each thing is told when it begins, and again only after it was over.
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
from kvmreconcile.reconcile.drift import healed_by
from kvmreconcile.status import Condition, ObjectStatus, Status


class Topic(Enum):
    """What a message is about; receivers choose among them."""

    FAILED = "failed"
    HELD = "held"
    RECOVERED = "recovered"
    HEALED = "healed"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Message:
    """
    One thing to tell.

    Attributes:
        subject: What it is about; of two about the same the later one says it all.
        key: The object it is about, None if it is about none.
    """

    topic: Topic
    subject: str
    text: str
    key: Key | None = None


UNTOLD = frozenset(
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
"""Why something is held that is over by itself, that somebody has just ordered, or of which something else tells."""
BREAKS = 3
"""How many passes in a row must break off to be told; one does as soon as somebody applies by hand."""

_FAILED = (Condition.FAILED, Condition.UNREADY)
_WELL = (Condition.READY, Condition.PENDING)
_UNCLEAR = (Condition.CHANGING, Condition.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Memory:
    """
    What must be remembered from one piece of news to the next.

    Attributes:
        open: What was told and is not over yet, by subject.
        breaks: How many passes in a row broke off.
        refused: Why the repository's newest revision is not used, "" if it is.
    """

    open: Mapping[str, Message] = field(default_factory=dict)
    breaks: int = 0
    refused: str = ""


def messages(memory: Memory, news: PassEvent, status: Status) -> tuple[Memory, tuple[Message, ...]]:
    """Return what is to be remembered after a piece of news, and what is to be told; `status` is what is known by then."""
    if isinstance(news, ActionFinished):
        return memory, ()
    memory = _counted(memory, news)
    present = {message.subject: message for message in _present(memory, status)}
    lasting = {s: m for s, m in memory.open.items() if s not in present and not _is_over(m, status)}
    begun = [message for subject, message in present.items() if subject not in memory.open]
    over = [m for s, m in memory.open.items() if s not in present and s not in lasting]
    told = (*_events(news), *begun, *(each for m in over for each in _recovery(m, status)))
    return replace(memory, open={**lasting, **present}), told


def _counted(memory: Memory, news: PassEvent) -> Memory:
    match news:
        case PassFailed():
            return replace(memory, breaks=memory.breaks + 1)
        case PassPlanned():
            return replace(memory, breaks=0)
        case RepositoryChecked(why=why, where=where):
            refused = f"the repository {where}: {why.removeprefix(f'{where}: ')}" if why else ""
            return replace(memory, refused=refused)
    return memory


def _events(news: PassEvent) -> Iterator[Message]:
    """Yield what happens and is over at once."""
    match news:
        case PassFinished():
            for key in sorted(healed_by(news)):
                verbs = (o.action.verb.name for o in news.report.outcomes if o.action.key == key)
                did = ", ".join(dict.fromkeys(verbs))
                yield Message(
                    Topic.HEALED, f"healed {key}", f"{key} had drifted from its spec and was corrected: {did}"
                )
        case OrderGiven(order="approve", who=who, about=about, why=why):
            said = f": {why}" if why else ""
            yield Message(Topic.APPROVED, f"approved {about}", f"{who} approved plan {about}{said}")


def _present(memory: Memory, status: Status) -> Iterator[Message]:
    """Yield all that is wrong or held now."""
    link = status.link
    if link and link.why:
        yield _wrong("libvirt", f"libvirt ({link.uri}) cannot be reached: {link.why}")
    if memory.breaks >= BREAKS:
        yield _wrong("passes", f"{memory.breaks} passes in a row were aborted; the last: {status.broken}")
    if memory.refused:
        yield _wrong("repository", memory.refused)
    if status.lost:
        yield _wrong("state", status.lost)
    for problem in status.problems:
        yield _wrong(" ".join(("spec", *problem.subject)), str(problem))
    yield from _objects(status)


def _objects(status: Status) -> Iterator[Message]:
    """Yield what is wrong with objects, or held."""
    for key, standing in status.objects.items():
        if standing.condition in _FAILED:
            yield _wrong(str(key), f"{key}: {standing.why}", key)
        elif standing.condition is Condition.HELD and standing.hold and standing.hold not in UNTOLD:
            subject = f"{key} {standing.hold.name.lower()}"
            yield Message(Topic.HELD, subject, _why_held(key, standing), key)


def _wrong(subject: str, text: str, key: Key | None = None) -> Message:
    return Message(Topic.FAILED, subject, text, key)


def _why_held(key: Key, standing: ObjectStatus) -> str:
    verbs = f"{', '.join(standing.verbs)} " if standing.verbs else ""
    release = f"; to release: {standing.release}" if standing.release else ""
    return f"{key}: {verbs}held: {standing.why}{release}"


def _is_over(message: Message, status: Status) -> bool:
    """Tell whether something that is no longer present is over, and not only out of sight for a while."""
    standing = status.objects.get(message.key) if message.key else None
    if standing is None:
        return True
    if message.topic is Topic.HELD:
        return standing.condition not in _UNCLEAR
    return standing.condition in _WELL


def _recovery(message: Message, status: Status) -> Iterator[Message]:
    """Yield what is told when a failure is over, unless it was of an object that no spec wants any more."""
    if message.topic is Topic.FAILED and (message.key is None or message.key in status.objects):
        text = f"resolved: {message.text}"
        yield Message(Topic.RECOVERED, message.subject, text, message.key)
