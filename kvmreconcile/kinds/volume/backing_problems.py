"""Find volumes that are their own backing store."""

from collections.abc import Iterator

from kvmreconcile.model import DefinitionProblem
from kvmreconcile.tree import Node


def find_backing_problems(volume: Node) -> Iterator[DefinitionProblem]:
    """Yield the problems of a definition."""
    backing = volume.child("backingStore")
    if backing is None or backing.attr("volume") != volume.get("name"):
        return
    if backing.attr("pool") in (None, volume.attr("pool")):
        todo = 'specify another volume, or remove "backing"'
        yield DefinitionProblem("backingStore", "a volume cannot be its own backing store", todo)
