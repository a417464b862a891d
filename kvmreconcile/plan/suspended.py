"""
What somebody said is to be left alone for a while, or for good.

Separate from policy, which is what specs say: this is said about the host as it is, and no approval is above it.
Pure.
"""

from datetime import UTC, datetime

from kvmreconcile.model import Hold, Key, Suspension, World

Stop = tuple[Hold, str, str, datetime | None]
"""Why, in detail, what would release it, and when it is over by itself."""


def stop(key: Key, world: World) -> Stop | None:
    """Return what keeps everything from being done to an object, None if nothing does."""
    found = _found(key, world)
    if found is None:
        return None
    suspension, named = found
    release = world.commands.kvmreconcile("resume", named or "--all")
    return Hold.SUSPENDED, told(suspension), release, suspension.until


def sentence(key: Key, world: World) -> str:
    """Return what is suspended, since when and by whom, where that keeps an object from being changed; else ""."""
    found = _found(key, world)
    return f"{found[1] or 'everything'} is suspended {told(found[0])}" if found else ""


def _found(key: Key, world: World) -> tuple[Suspension, Key | None] | None:
    """Return the suspension that holds an object, and of what it is, None for everything."""
    found = [(s, n) for n in (key, None) if (s := world.suspended.get(n)) and s.holds(world.now)]
    # Both must be over: the one that lasts longest is told.
    return max(found, key=lambda pair: pair[0].until or _NEVER, default=None)


_NEVER = datetime.max.replace(tzinfo=UTC)


def told(suspension: Suspension) -> str:
    """Return in words since when, until when, by whom and why."""
    words = f"since {_moment(suspension.since)}"
    words += f" until {_moment(suspension.until)}" if suspension.until else ""
    words += f" by {suspension.who}" if suspension.who else ""
    return words + (f": {suspension.why}" if suspension.why else "")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
