"""
Define which changes of an object its spec allows without approval.

Policies affect plans only. They are not part of the definition that is compared with the host.
"""

from dataclasses import dataclass, field
from enum import Enum

from kvmreconcile.model.lifecycle import Lifecycle
from kvmreconcile.model.windows import Window
from kvmreconcile.tree import Effect


class Apply(Enum):
    """How much of an object its spec manages."""

    ENFORCE = "enforce"
    """List entries that are not in the spec are removed, and drift is reverted."""
    MERGE = "merge"
    """Only values in the spec are changed; other list entries are kept."""
    CREATE_ONLY = "create-only"
    """The object is created if it is absent, but never changed."""
    OBSERVE = "observe"
    """The object is compared with its spec and reported, but never changed."""


@dataclass(frozen=True, slots=True)
class LiveChanges:
    """
    How a running object may be changed.

    Attributes:
        interrupts: Whether parts such as interfaces may be removed for a moment.
        copies: Whether data, such as that of a disk, is copied if the spec gives it a new place.
    """

    interrupts: bool = False
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What may be done to one object without approval.

    Attributes:
        windows: Maintenance windows, in which changes may be made; empty means at any time.
        outside: The largest effect that is allowed while no window is open; None for no changes.
        waits_when_off: Whether changes of an inactive object also wait for a window.
        group: The group that the object is a member of; "" for none. At most `max_unavailable` members
            are taken down for changes at a time, starting with the lowest `order`.
        live: How the object may be changed while it runs.
        lifecycle: How the object is stopped, checked for readiness, rolled back and removed.
        secrets: Paths at and below which values are secret according to the spec.
        former_secrets: Paths at and below which values are secret according to the last applied spec.
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
        """The secret paths of the current spec and of the last applied spec."""
        return tuple(dict.fromkeys((*self.secrets, *self.former_secrets)))
