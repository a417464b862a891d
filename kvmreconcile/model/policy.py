"""What a spec allows to be done to its object without approval. It is never compared with the host."""

from dataclasses import dataclass, field
from enum import Enum

from kvmreconcile.model.lifecycle import Lifecycle
from kvmreconcile.model.windows import Window
from kvmreconcile.tree import Effect


class Apply(Enum):
    """How much of its object a spec controls."""

    ENFORCE = "enforce"
    """Lists in the spec are complete, and drift is reverted."""
    MERGE = "merge"
    """Only what the spec names is changed; members that it does not name stay."""
    CREATE_ONLY = "create-only"
    """Created if absent, then left alone."""
    OBSERVE = "observe"
    """Compared and reported, never changed."""


@dataclass(frozen=True, slots=True)
class LiveChanges:
    """
    What may be done to an object to change it while it runs.

    Attributes:
        interrupts: Whether a part of it may be gone for a moment.
        copies: Whether the data of a part that is to be elsewhere, such as a disk, is copied there.
    """

    interrupts: bool = False
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What may be done to one object without approval.

    Attributes:
        windows: When changes may be made; none means always.
        outside: Up to which effect while none is open, None for nothing.
        waits_when_off: Whether an object that does not run waits for a window too.
        group: The group it is a member of, "" for none. At most `max_unavailable` members are taken down at a time
            for changes, those of the lowest `order` first.
        live: What may be done to change it while it runs.
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
        """Paths of the spec and of the last applied one, whose values definitions may still hold."""
        return tuple(dict.fromkeys((*self.secrets, *self.former_secrets)))
