"""
Define how a kind handles data that a snapshot or a copy moved to another place on the host.

The current source of such a part takes precedence over the one in the spec, since the guest has written to it since.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kvmreconcile.model.objects import Actual, Desired
from kvmreconcile.model.surroundings import Lookup
from kvmreconcile.tree import Change, Node


@dataclass(frozen=True, slots=True)
class DivergedSource:
    """
    A part whose current source is not built on the source that the spec names.

    Attributes:
        part: The name of the part, such as "vda".
        current: The source that the part has now.
        wanted: The source that the spec names.
    """

    part: str
    current: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Relocation:
    """
    How to find parts of an object, such as disks, whose current source differs from the spec.

    Each function is given what an earlier spec said (None if nothing is known) or the definitions of other objects
    where the answer depends on them.

    Attributes:
        keep_sources: Return the spec's tree with the current source of each part that must keep it.
        find_diverged: Return the parts that keep a source which is not built on the one that the spec names.
        find_migrations: Return a change for each part whose data is to be copied to the source that the spec names
            while the object runs.
    """

    keep_sources: Callable[[Desired, Actual, Node | None], Node]
    find_diverged: Callable[[Desired, Actual, Node | None, Lookup], Iterable[DivergedSource]]
    find_migrations: Callable[[Desired, Actual, Lookup], Iterable[Change]]
