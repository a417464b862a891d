"""
Define how a kind handles disks whose current source differs from the spec, as after a snapshot.

The current source takes precedence over the source in the spec, because the guest has written to it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kvmreconcile.model.objects import Actual, Desired
from kvmreconcile.model.surroundings import Lookup
from kvmreconcile.tree import Change, Node


@dataclass(frozen=True, slots=True)
class DivergedSource:
    """
    A part, such as a disk, whose backing chain does not contain the source in the spec.

    Attributes:
        part: The name of the part, such as "vda".
        current: The current source of the part.
        wanted: The source in the spec.
    """

    part: str
    current: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Relocation:
    """
    How to find parts of an object, such as disks, whose current source differs from the spec.

    The argument of type `Node | None` is the tree of an earlier spec, None if it is unknown. The argument
    of type `Lookup` returns the definitions of other objects.

    Attributes:
        keep_sources: Returns the spec's tree, with the current source of each part that must keep it.
        find_diverged: Returns the parts that keep a source unrelated to the source in the spec.
        find_migrations: Returns a change for each part with data to be copied to the source in the spec
            while the object runs.
    """

    keep_sources: Callable[[Desired, Actual, Node | None], Node]
    find_diverged: Callable[[Desired, Actual, Node | None, Lookup], Iterable[DivergedSource]]
    find_migrations: Callable[[Desired, Actual, Lookup], Iterable[Change]]
