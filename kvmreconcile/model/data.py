"""
How objects that hold data are named by other objects.

Such an object cannot be created again once it is gone: what is created in its place is empty.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kvmreconcile.model.objects import Key
from kvmreconcile.model.world import Lookup
from kvmreconcile.tree import Node


@dataclass(frozen=True, slots=True)
class Data:
    """
    How to find who uses an object that holds data, whether or not the object exists.

    Attributes:
        names: Return all names by which other definitions may refer to the object, such as its path.
        named: Return all names that a definition uses in this way, and more; only those of `names` count.
    """

    names: Callable[[Key, Lookup], Iterable[str]]
    named: Callable[[Node], Iterable[str]]
