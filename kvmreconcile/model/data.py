"""
Find the users of objects that hold data.

Such an object cannot be created again after a removal: what is created in its place is empty.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kvmreconcile.model.objects import Key
from kvmreconcile.model.surroundings import Lookup
from kvmreconcile.tree import Node


@dataclass(frozen=True, slots=True)
class Data:
    """
    How to find the users of an object that holds data, whether or not the object exists.

    Attributes:
        names: Returns all names by which other definitions may refer to the object, such as its path.
        named: Returns all names that a definition uses in this way; others that it returns are ignored.
    """

    names: Callable[[Key, Lookup], Iterable[str]]
    named: Callable[[Node], Iterable[str]]
