"""
Define what may be done to an object without approval, as its spec says.

A policy is never compared with the host.
"""

from dataclasses import dataclass, field
from enum import Enum

from kvmreconcile.model.lifecycle import Lifecycle
from kvmreconcile.model.windows import Window
from kvmreconcile.tree import Effect


class Apply(Enum):
    """How much of its object a spec manages."""

    ENFORCE = "enforce"
    """List entries that are not in the spec are removed, and drift is reverted."""
    MERGE = "merge"
    """Only values in the spec are changed; other list entries are kept."""
    CREATE_ONLY = "create-only"
    """The object is created if it is absent, and never changed."""
    OBSERVE = "observe"
    """The object is compared and reported, never changed."""


@dataclass(frozen=True, slots=True)
class LiveChanges:
    """
    The means that are allowed for changing a running object.

    Attributes:
        interrupts: Whether a part of it may be removed for a moment.
        copies: Whether the data of a part that gets a new place, such as a disk, is copied there.
    """

    interrupts: bool = False
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What may be done to one object without approval.

    Attributes:
        windows: Maintenance windows, in which changes may be made; empty means always.
        outside: The largest effect that is allowed while no window is open, None for no changes.
        waits_when_off: Whether changes of an inactive object also wait for a window.
        group: The group it is a member of, "" for none. At most `max_unavailable` members are taken down at a time
            for changes, those of the lowest `order` first.
        live: The means that are allowed for changing it while it runs.
        lifecycle: How it is stopped, started, probed and removed.
        secrets: Paths at and below which values are secret according to the spec.
        former_secrets: The same according to the spec that was last applied.
    """

    max_effect: Effect = Effect.NEXT_BOOT
    windows: tuple[Window, ...] = ()
    outside: Effect | None = None
    waits_when_off: bool = False
    group: str = ""
    max_unavailable: int = 1
    order: int = 0
    adopt: bool = False
    apply: Apply = Apply.ENFORCE
    protect: bool = False
    ignore: tuple[str, ...] = ()
    check_schema: bool = True
    live: LiveChanges = field(default_factory=LiveChanges)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    secrets: tuple[str, ...] = ()
    former_secrets: tuple[str, ...] = ()

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """The secret paths of the present spec and of the last applied one, whose values definitions may still contain."""
        return tuple(dict.fromkeys((*self.secrets, *self.former_secrets)))
