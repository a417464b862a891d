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
    found = [(s, n) for n in (key, None) if (s := world.suspended.get(n)) and s.holds(world.now)]
    if not found:
        return None
    # Both must be over: the one that lasts longest is told.
    suspension, named = max(found, key=lambda pair: pair[0].until or _NEVER)
    release = world.commands.kvmreconcile("resume", named or "--all")
    return Hold.SUSPENDED, told(suspension), release, suspension.until


_NEVER = datetime.max.replace(tzinfo=UTC)


def told(suspension: Suspension) -> str:
    """Return in words since when, until when, by whom and why."""
    words = f"since {_moment(suspension.since)}"
    words += f" until {_moment(suspension.until)}" if suspension.until else ""
    words += f" by {suspension.who}" if suspension.who else ""
    return words + (f": {suspension.why}" if suspension.why else "")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
