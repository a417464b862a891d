"""Hold objects that an administrator has suspended. An approval does not release them. Pure."""

from datetime import UTC, datetime

from kvmreconcile.model import Hold, HoldReason, Key, Suspension, World


def find_suspension(key: Key, world: World) -> HoldReason | None:
    """Return the hold of a suspended object, or None if it is not suspended."""
    found = _found(key, world)
    if not found:
        return None
    suspension, _ = _longest(found)
    # The hold ends only when all suspensions of the object have ended.
    release = "; ".join(world.commands.kvmreconcile("resume", named or "--all") for _, named in found)
    return HoldReason(Hold.SUSPENDED, suspension_text(suspension), release, suspension.until)


def describe_suspension(key: Key, world: World) -> str:
    """Return text about the suspension that holds an object, or "" if there is none."""
    found = _found(key, world)
    if not found:
        return ""
    suspension, named = _longest(found)
    return f"{named or 'everything'} is suspended {suspension_text(suspension)}"


_Found = tuple[Suspension, Key | None]
"""A suspension that holds an object, and the key that it names (None: all objects)."""


def _found(key: Key, world: World) -> list[_Found]:
    """Return the suspensions that hold an object now."""
    return [(s, n) for n in (key, None) if (s := world.suspended.get(n)) and s.holds(world.now)]


def _longest(found: list[_Found]) -> _Found:
    """Return the suspension that ends last, since the hold ends only when all have ended."""
    return max(found, key=lambda pair: pair[0].until or _NEVER)


_NEVER = datetime.max.replace(tzinfo=UTC)


def suspension_text(suspension: Suspension) -> str:
    """Return a suspension as text: its start and end, the user, and the reason."""
    words = f"since {_moment(suspension.since)}"
    words += f" until {_moment(suspension.until)}" if suspension.until else ""
    words += f" by {suspension.who}" if suspension.who else ""
    return words + (f": {suspension.why}" if suspension.why else "")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
