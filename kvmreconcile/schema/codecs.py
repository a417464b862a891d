"""Define codecs, which write values of specs as XML and read them from XML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import SecretStr

from kvmreconcile.schema.omit_defaults import replace_rest
from kvmreconcile.tree import NONE, Node, Rules, overlay, parse
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.scalars import print_size, size_bytes, whole


class ElementBuilder:
    """
    Builds an XML element.

    Attributes:
        fragment: An XML fragment with the element as its root. It is merged over all other content at the
            end. "" if there is none.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.attrs: dict[str, str] = {}
        self.text = ""
        self.fragment = ""
        self.children: list[ElementBuilder | Node] = []

    def at(self, path: str) -> "ElementBuilder":
        """Return the element at a path of tags; create it if it does not exist."""
        builder = self
        for tag in path.split("/") if path else ():
            found = next(
                (c for c in builder.children if isinstance(c, ElementBuilder) and c.tag == tag), None
            )
            builder = found or builder.append(tag)
        return builder

    def append(self, path: str) -> "ElementBuilder":
        """Add an element at a path of tags, after existing elements with its tag, and return it."""
        parent, _, tag = path.rpartition("/")
        new = ElementBuilder(tag)
        (self.at(parent) if parent else self).children.append(new)
        return new

    def put(self, path: str, value: str) -> None:
        """Set the text or attribute at a path."""
        where, _, name = path.rpartition("@")
        if name == path:
            self.at(path).text = value
        else:
            self.at(where.rstrip("/")).attrs[name] = value

    def mark_absent(self, path: str) -> None:
        """Add a marker of absence for the elements at a path."""
        parent, _, tag = path.rpartition("/")
        self.at(parent).children.append(Node(NONE, (), tag))

    def done(self, rules: Rules, path: str = "") -> Node:
        """
        Return the element as a node.

        Raises:
            ValueError: A fragment is not well-formed XML.
        """
        children = tuple(
            c.done(rules, under(path, c.tag)) if isinstance(c, ElementBuilder) else c for c in self.children
        )
        node = Node(self.tag, tuple(sorted(self.attrs.items())), self.text, children)
        return overlay(node, parse(self.fragment), rules, path) if self.fragment else node


class Codec(Protocol):
    """Writes the value of a field as XML, and reads it from XML."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...] | Node]:
        """
        Return the value at a path, and what the value covers.

        Returns:
            First the value, or None if there is none or its form is unknown. Second, either the paths that
            the value covers, or the element without everything that the value covers.
        """


@dataclass(frozen=True, slots=True)
class Text:
    """
    A value that is written as text.

    Attributes:
        words: The text for each value, such as {True: "yes", False: "no"}; empty for the value itself.
        prefix: A fixed text before the value.
    """

    words: Mapping[Any, str] = field(default_factory=dict)
    prefix: str = ""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        builder.put(path, self.prefix + self.words.get(value, text))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; (None, ()) if its form is unknown."""
        text = node.get(path)
        if text is None or not text or not text.startswith(self.prefix):
            return None, ()
        text = text.removeprefix(self.prefix)
        if self.words:
            value = next((k for k, v in self.words.items() if v == text), None)
            return value, (path,) if value is not None else ()
        return text, (path,)


@dataclass(frozen=True, slots=True)
class Whole:
    """A non-negative whole number in decimal."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        builder.put(path, str(value))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; (None, ()) if its form is unknown."""
        number = whole(node.get(path) or "")
        return (number, (path,)) if number is not None else (None, ())


@dataclass(frozen=True, slots=True)
class Bytes:
    """
    A size in bytes.

    Attributes:
        unit: The unit in which the size is written.
        beside: The place of the unit in the element, such as "@unit"; "" if the unit is not written.
    """

    unit: str = "KiB"
    beside: str = "@unit"

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        factor = size_bytes("1", self.unit) or 1
        builder.put(path, str(-(-int(value) // factor)))
        if self.beside:
            builder.put(self._unit_path(path), self.unit)

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; (None, ()) if its form is unknown."""
        number = node.get(path)
        unit_path = self._unit_path(path)
        unit = (node.get(unit_path) if self.beside else None) or self.unit
        size = size_bytes(number, unit) if number else None
        return (
            (None, ()) if size is None else (print_size(size), (path, unit_path) if self.beside else (path,))
        )

    def _unit_path(self, path: str) -> str:
        where, _, name = path.rpartition("@")
        return f"{path if name == path else where.rstrip('/')}/{self.beside}".lstrip("/")


@dataclass(frozen=True, slots=True)
class Presence:
    """A boolean: an empty element for True, no element for False."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        if value:
            builder.at(path)
        else:
            builder.mark_absent(path)

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; (None, ()) if its form is unknown."""
        element = node.find(path)
        return (True, (path,)) if element is not None and element.is_empty() else (None, ())


@dataclass(frozen=True, slots=True)
class Around:
    """A boolean: an empty parent element of the path for True, no parent element for False."""

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        PRESENT.put(builder, path.rpartition("/")[0], value)

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the value at a path and what it covers; (None, ()) if its form is unknown."""
        return PRESENT.take(node, path.rpartition("/")[0])


@dataclass(frozen=True, slots=True)
class Switch:
    """A boolean: an element at the path that is equal to `xml` for True, no such element for False."""

    xml: str

    def put(self, builder: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        element, parent = parse(self.xml), builder.at(path.rpartition("/")[0])
        parent.children.append(element if value else Node(NONE, (), element.tag, (element,)))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...] | Node]:
        """Return the value at a path and what it covers; (None, ()) if its form is unknown."""
        element = parse(self.xml)
        for found in node.all(path):
            if found == element:
                return True, replace_rest(node, path.split("/"), found, Node(found.tag))
        return None, ()


TEXT = Text()
YES_NO = Text({True: "yes", False: "no"})
ON_OFF = Text({True: "on", False: "off"})
PRESENT = Presence()
AROUND = Around()
WHOLE = Whole()
