"""Define codecs for a mapping or list in YAML that is several elements in XML."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvmreconcile.schema.codecs import TEXT, Codec, ElementBuilder
from kvmreconcile.schema.omit_defaults import drop, replace_rest
from kvmreconcile.tree import Node


class CollectionCodec:
    """A codec that writes and reads a whole list or mapping as one value."""


@dataclass(frozen=True, slots=True)
class Pairs(CollectionCodec):
    """
    A mapping: in XML an element for each entry, with its key and its value at paths inside.

    An element with further content is not an entry, and does not change.
    """

    key: str
    value: str
    codec: Codec = TEXT

    def put(self, builder: ElementBuilder, path: str, value: Mapping[Any, Any]) -> None:
        """Write a value at a path."""
        if not value:
            builder.mark_absent(path)
        for name, content in value.items():
            new = builder.append(path)
            new.put(self.key, str(name))
            self.codec.put(new, self.value, content)

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...] | Node]:
        """Return the value at a path and the element without it, or None if nothing has this form."""
        found: dict[str, Any] = {}
        for item in tuple(node.all(path)):
            name = item.get(self.key)
            value, covered = self.codec.take(item, self.value)
            left = drop(item, self.key)
            for place in covered if isinstance(covered, tuple) else ():
                left = drop(left, place)
            if name and value is not None and left.is_empty() and name not in found:
                found[name] = value
                node = replace_rest(node, path.split("/"), item, left)
        return found or None, node


@dataclass(frozen=True, slots=True)
class Tags(CollectionCodec):
    """A list of words: in XML an empty element for each word, with the word as its tag."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        for word in value:
            builder.at(f"{path}/{word}")

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers, or (None, ()) if it has another form."""
        element = node.find(path)
        if element is None or not all(child.is_empty() for child in element.children):
            return None, ()
        words = [child.tag for child in element.children]
        return words or None, tuple(f"{path}/{word}" for word in words)


@dataclass(frozen=True, slots=True)
class Member:
    """A value in the one element of a list that has a key, such as a feature with a name."""

    key: str
    name: str
    codec: Codec = TEXT

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        element, _, leaf = path.partition("/@")
        new = builder.append(element)
        new.put(self.key, self.name)
        self.codec.put(new, f"@{leaf}", value)

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...] | Node]:
        """Return the value at a path and the element without it, or None if it has another form."""
        element, _, leaf = path.partition("/@")
        for item in node.all(element):
            if item.get(self.key) == self.name:
                value, _ = self.codec.take(item, f"@{leaf}")
                left = drop(drop(item, self.key), f"@{leaf}")
                if value is not None and left.is_empty():
                    return value, replace_rest(node, element.split("/"), item, left)
        return None, ()
