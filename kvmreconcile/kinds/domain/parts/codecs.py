"""
How a domain's values are spelled in a spec, where libvirt spreads them over several attributes.

Separate from the parts so that each can be tested alone.
"""

from dataclasses import dataclass
from typing import Any

from kvmreconcile.schema.codecs import Draft
from kvmreconcile.tree import Node


@dataclass(frozen=True, slots=True)
class Generation:
    """True for whatever libvirt makes up once, or a text."""

    def put(self, draft: Draft, path: str, value: Any) -> None:
        """Write a value at a path."""
        draft.put(path, "" if value is True else str(value))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; None if it is not of this form."""
        element = node.find(path)
        return (None, ()) if element is None else (element.text or True, (path,))


GENERATION = Generation()
