"""Describe a removal and its cost, which the kind of the object determines."""

from dataclasses import dataclass

from kvmreconcile.model.objects import Actual, Key
from kvmreconcile.model.policy import Policy
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class Removal:
    """
    The facts about an object to be removed that its kind needs.

    Attributes:
        users: Objects on this host that refer to it, running or not.
        contents: Objects in it: the volumes of a pool.
        unlisted: Prefixes of the keys of all objects that libvirt could not list or read: "Volume/images/".
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
        notes: What is lost, stopped and left behind, one sentence each.
        kept: Why the object cannot be removed as its policy says, and advice; None if it can.
    """

    effect: Effect = Effect.REPLACE
    notes: tuple[str, ...] = ()
    kept: tuple[str, str] | None = None
