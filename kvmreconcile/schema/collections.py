"""Define codecs for mappings and lists in YAML that consist of several elements in XML."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvmreconcile.schema.codecs import TEXT, Codec, ElementBuilder
from kvmreconcile.schema.omit_defaults import drop, replace_rest
from kvmreconcile.tree import Node


class CollectionCodec:
    """A codec for a whole list or mapping."""


@dataclass(frozen=True, slots=True)
class Pairs(CollectionCodec):
    """
    A mapping; in XML, each entry is an element.

    An element with further content is not an entry, and is left unchanged.

    Attributes:
        key: The path of the entry's key inside the element.
        value: The path of the entry's value inside the element.
        codec: The codec of the entry's value.
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
        """Return the mapping, or None if there are no entries, and the element without the entries."""
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
    """A list of words; in XML, each word is an empty element with the word as its tag."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        for word in value:
            builder.at(f"{path}/{word}")

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; (None, ()) if its form is unknown."""
        element = node.find(path)
        if element is None or not all(child.is_empty() for child in element.children):
            return None, ()
        words = [child.tag for child in element.children]
        return words or None, tuple(f"{path}/{word}" for word in words)


@dataclass(frozen=True, slots=True)
class Member:
    """
    A value in the list element with a certain key, such as the CPU feature with a certain name.

    Attributes:
        key: The path of the key inside the element.
        name: The key.
        codec: The codec of the value.
    """

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
        """Return the value at a path, and the element without it; (None, ()) if its form is unknown."""
        element, _, leaf = path.partition("/@")
        for item in node.all(element):
            if item.get(self.key) == self.name:
                value, _ = self.codec.take(item, f"@{leaf}")
                left = drop(drop(item, self.key), f"@{leaf}")
                if value is not None and left.is_empty():
                    return value, replace_rest(node, element.split("/"), item, left)
        return None, ()
