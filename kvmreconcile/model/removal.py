"""Define a removal and its cost."""

from dataclasses import dataclass

from kvmreconcile.model.objects import Actual, Key
from kvmreconcile.model.policy import Policy
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class Removal:
    """
    An object to be removed, with the facts that determine the cost.

    Attributes:
        users: Objects on this host that refer to the object, running or not.
        contents: Objects inside the object, such as the volumes of a pool.
        unlisted: Prefixes of the keys of all objects that libvirt could not list or read, such as
            "Volume/images/".
    """

    actual: Actual
    policy: Policy
    users: tuple[Actual, ...] = ()
    contents: tuple[Key, ...] = ()
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """
    The cost of a removal.

    Attributes:
        notes: What is lost, stopped and left behind, each in one sentence.
        kept: Why the object is not removed although its spec was deleted, and advice; None if it can be
            removed.
    """

    effect: Effect = Effect.REPLACE
    notes: tuple[str, ...] = ()
    kept: tuple[str, str] | None = None
