"""
Define how to find the users of an object that holds data.

Such an object cannot be restored after its removal: a recreated object is empty.
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
        named: Returns all names of such objects in a definition. It may return further names, which
            match no object and are ignored.
    """

    names: Callable[[Key, Lookup], Iterable[str]]
    named: Callable[[Node], Iterable[str]]
