"""What is wrong with a volume's definition on any host. Separate from the fields' own checks, which know no names. Pure."""

from collections.abc import Iterator

from kvmreconcile.model import Mistake
from kvmreconcile.tree import Node


def mistakes(volume: Node) -> Iterator[Mistake]:
    """Yield what is wrong with a definition."""
    backing = volume.child("backingStore")
    if backing is None or backing.attr("volume") != volume.get("name"):
        return
    if backing.attr("pool") in (None, volume.attr("pool")):
        todo = "name another volume, or remove "backing""
        yield Mistake("backingStore", "a volume cannot be its own backing store", todo)
