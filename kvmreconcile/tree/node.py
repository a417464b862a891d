"""
Represent XML elements as immutable values, and read and write XML.

Elements of lxml are mutable, belong to a document and are not thread-safe. Tags and attribute names are
in Clark notation ("{uri}local"); prefixes are kept only for writing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from kvmreconcile.tree.cache import Generations

TEXT = "#text"
"""Tag of a text between elements (mixed content, which occurs only in metadata of other tools)."""
COMMENT = "#comment"
"""Tag of a comment; libvirt keeps comments inside `<metadata>`."""
NONE = "#none"
"""
Tag of an absence marker in desired trees.

The text of a marker without children is the tag of elements that must be absent. A marker with children
requires that no element matches one of the children.
"""

_PARSER = etree.XMLParser(remove_blank_text=True, resolve_entities=False, no_network=True, remove_pis=True)


@dataclass(frozen=True, slots=True)
class Node:
    """
    An element.

    Attributes:
        attrs: Names and values of the attributes, sorted by name.
        text: The text of an element without child elements.
        known_as: The matching element in another tree, regardless of keys; it is never written.
    """

    tag: str
    attrs: tuple[tuple[str, str], ...] = ()
    text: str = ""
    children: tuple["Node", ...] = ()
    prefix: str | None = field(default=None, compare=False)
    known_as: "Node | None" = field(default=None, compare=False, repr=False)

    def attr(self, name: str) -> str | None:
        """Return the value of an attribute; None if it is absent."""
        for key, value in self.attrs:
            if key == name:
                return value
        return None

    def child(self, tag: str) -> "Node | None":
        """Return the first child with a tag; None if there is none."""
        for child in self.children:
            if child.tag == tag:
                return child
        return None

    def find(self, path: str) -> "Node | None":
        """Return the first element at a path ("devices/emulator"; "" is this element); None if absent."""
        node: Node | None = self
        for tag in path.split("/") if path else ():
            node = node.child(tag) if node else None
        return node

    def get(self, path: str) -> str | None:
        """Return the text or attribute at a path ("target/@dev", "@type", "name"); None if it is absent."""
        where, _, name = path.rpartition("@")
        node = self.find(where.rstrip("/") if name != path else path)
        if node is None:
            return None
        return node.attr(name) if name != path else node.text

    def all(self, path: str) -> Iterator["Node"]:
        """Yield every element at a path of tags."""
        head, _, rest = path.partition("/")
        for child in self.children:
            if child.tag == head:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def without(self, path: str) -> "Node":
        """Return a copy without the elements or attributes at a path."""
        head, _, rest = path.partition("/")
        if head.startswith("@"):
            return replace(self, attrs=tuple(a for a in self.attrs if a[0] != head[1:]))
        if not rest:
            return replace(self, children=tuple(c for c in self.children if c.tag != head))
        return replace(self, children=tuple(c.without(rest) if c.tag == head else c for c in self.children))

    def is_empty(self) -> bool:
        """Return whether the element has neither attributes, text nor children."""
        return not (self.attrs or self.text or self.children)


def make(
    tag: str, attrs: dict[str, str] | None = None, text: str = "", children: tuple[Node, ...] = ()
) -> Node:
    """Return a node with its attributes sorted."""
    return Node(tag, tuple(sorted((attrs or {}).items())), text, children)


def parse(xml: str) -> Node:
    """
    Parse one XML document.

    The tree is cached by the text, so that each pass over an unchanged host only needs one lookup for each
    object.

    Raises:
        ValueError: The text is not well-formed XML; the message contains the place.
    """
    return _parsed(xml)


def forget_unused() -> None:
    """Drop cached documents that were not parsed since the previous call; for use before each pass."""
    _parsed.advance()


def _parse(xml: str) -> Node:
    try:
        return _from_element(etree.fromstring(xml.encode(), _PARSER))
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from None


_parsed = Generations(_parse, most=32 << 20)
"""A tree takes 14 times the memory of its text. Two generations take about 0.9 GB for 5,000 guests."""


def to_xml(node: Node) -> str:
    """Return a node as indented XML; `parse` of this text returns an equal node."""
    element = _to_element(node, None)
    etree.indent(element)
    return etree.tostring(element, encoding="unicode")


def brief(node: Node, width: int = 96) -> str:
    """Return a node as compact XML; an element that fits into `width` characters is on one line."""
    line = re.sub(r">\s*\n\s*<", "><", to_xml(node))
    if len(line) <= width or not node.children or any(c.tag in (TEXT, NONE) for c in node.children):
        return line
    open_, close = _tags(node)
    if len(node.children) == 1:
        return f"{open_}{brief(node.children[0], width)}{close}"
    rows: list[str] = []
    for child in node.children:
        text = brief(child, width - 2)
        if rows and "\n" not in rows[-1] + text and len(rows[-1]) + len(text) <= width - 2:
            rows[-1] += text
        else:
            rows.append(text)
    body = "\n".join(rows).replace("\n", "\n  ")
    return f"{open_}\n  {body}\n{close}"


def _tags(node: Node) -> tuple[str, str]:
    """Return the start tag and the end tag of an element."""
    empty = etree.tostring(_to_element(replace(node, children=(), text="."), None), encoding="unicode")
    open_, _, close = empty.rpartition(".")
    return open_, close


def _from_element(element: etree._Element) -> Node:
    if not isinstance(element.tag, str):
        return Node(COMMENT, (), element.text or "")
    text, children = element.text or "", []
    for child in element:
        children.append(_from_element(child))
        if child.tail and child.tail.strip():
            children.append(Node(TEXT, (), child.tail))
    if children and text:
        if text.strip():
            children.insert(0, Node(TEXT, (), text))
        text = ""
    attrs = tuple(sorted((str(k), str(v)) for k, v in element.attrib.items())) if element.attrib else ()
    return Node(str(element.tag), attrs, text if text.strip() else "", tuple(children), element.prefix)


def _to_element(node: Node, parent: etree._Element | None) -> etree._Element:
    names: Any = {node.prefix: node.tag[1:].partition("}")[0]} if node.tag.startswith("{") else None
    if parent is None:
        element = etree.Element(node.tag, dict(node.attrs), nsmap=names)
    else:
        element = etree.SubElement(parent, node.tag, dict(node.attrs), nsmap=names)
    element.text = node.text or None
    last: etree._Element | None = None
    for child in node.children:
        match child.tag:
            case "#text" if last is None:
                element.text = (element.text or "") + child.text
            case "#text" if last is not None:
                last.tail = (last.tail or "") + child.text
            case "#comment":
                last = etree.Comment(child.text)
                element.append(last)
            case "#none":
                pass
            case _:
                last = _to_element(child, element)
    return element
