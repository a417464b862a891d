"""What a removal costs: the facts that a kind is asked with, and its answer."""

from dataclasses import dataclass

from kvmreconcile.model.objects import Actual, Key
from kvmreconcile.model.policy import Policy
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class Removal:
    """
    An object that is to be removed, as far as its kind must know of it.

    Attributes:
        users: What on this host refers to it, running or not.
        contents: What lies in it: the volumes of a pool.
        unlisted: What the keys begin with of all that libvirt could not list or read: "Volume/images/".
    """

    actual: Actual
    policy: Policy
    users: tuple[Actual, ...] = ()
    contents: tuple[Key, ...] = ()
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What a removal costs.

    Attributes:
        notes: What is lost, stopped and left, a sentence each.
        kept: Why the object cannot be removed as its policy says, and what to do; None where it can.
    """

    effect: Effect = Effect.REPLACE
    notes: tuple[str, ...] = ()
    kept: tuple[str, str] | None = None
