"""Hold objects that an administrator has suspended. No approval releases them. Pure."""

from datetime import UTC, datetime

from kvmreconcile.model import Hold, HoldReason, Key, Suspension, World


def find_suspension(key: Key, world: World) -> HoldReason | None:
    """Return what keeps everything from being done to an object, None if nothing does."""
    found = _found(key, world)
    if not found:
        return None
    suspension, _ = _longest(found)
    # Each must be over.
    release = "; ".join(world.commands.kvmreconcile("resume", named or "--all") for _, named in found)
    return HoldReason(Hold.SUSPENDED, suspension_text(suspension), release, suspension.until)


def describe_suspension(key: Key, world: World) -> str:
    """Return what is suspended, since when and by which user, where that keeps an object from being changed; else ""."""
    found = _found(key, world)
    if not found:
        return ""
    suspension, named = _longest(found)
    return f"{named or 'everything'} is suspended {suspension_text(suspension)}"


_Found = tuple[Suspension, Key | None]
"""A suspension that holds an object, and of what it is, None for everything."""


def _found(key: Key, world: World) -> list[_Found]:
    """Return the suspensions that hold an object."""
    return [(s, n) for n in (key, None) if (s := world.suspended.get(n)) and s.holds(world.now)]


def _longest(found: list[_Found]) -> _Found:
    """Return the suspension that lasts longest, as each must be over."""
    return max(found, key=lambda pair: pair[0].until or _NEVER)


_NEVER = datetime.max.replace(tzinfo=UTC)


def suspension_text(suspension: Suspension) -> str:
    """Return a suspension in words: its start, its end, the user who ordered it, and the reason."""
    words = f"since {_moment(suspension.since)}"
    words += f" until {_moment(suspension.until)}" if suspension.until else ""
    words += f" by {suspension.who}" if suspension.who else ""
    return words + (f": {suspension.why}" if suspension.why else "")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
