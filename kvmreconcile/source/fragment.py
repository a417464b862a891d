"""
Check the XML fragments of a spec, and locate their problems and references in the YAML file.

The parser in `kvmreconcile.tree` cannot be used here: it is for trusted XML from libvirt, and
reports no positions.
"""

import re
from collections.abc import Iterator

from lxml import etree

from kvmreconcile.model import Key, Reference, Source
from kvmreconcile.model.located import LocatedValue
from kvmreconcile.source.problem import LocatedProblem, printable
from kvmreconcile.tree import Rules, parse
from kvmreconcile.tree.paths import under

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)

MAX_ELEMENTS, MAX_ATTRIBUTES, MAX_DEPTH = 10_000, 64, 64
"""Limits that no real definition reaches."""

_WORDS = (
    (r"Opening and ending tag mismatch", "an element is closed by the end tag of another", "close each element by its own name"),
    (r"Premature end of data", "an element is not closed", "add the element's end tag"),
    (r"Extra content at the end", "there is content after the root element", "remove the content, or put everything into one root element"),
    (r"Document is empty|Start tag expected", "the XML does not start with an element", "start with the root element"),
    (r"Entity '.*' not defined", "an entity does not exist", "write the character itself, or '&amp;' for '&'"),
    (r"EntityRef: expecting ';'", "an entity lacks its ';'", "add the ';', or write '&amp;' for '&'"),
    (r"xmlParseEntityRef|EntityRef:", "unescaped '&'", "write '&amp;' for '&'"),
    (r"Attribute \S+ redefined", "an attribute is set twice", "keep one of the two"),
    (r"Specification mandates value for attribute", "an attribute has no value", "write NAME='…'"),
    (r"AttValue: \" or ' expected", "an attribute's value is missing or not in quotes", "write NAME='…'"),
    (r"Unescaped '<' not allowed", "an attribute's value contains '<'", "close the value's quotes, or write '&lt;' for '<'"),
    (r"invalid element name", "no valid element name follows '<'", "write '&lt;' for '<', or correct the name"),
    (r"Namespace prefix", "a prefix is not declared", "add xmlns:PREFIX='…' to the element"),
)  # fmt: skip


def check_fragment(item: LocatedValue, root: str) -> Iterator[LocatedProblem]:
    """
    Yield the problems of a fragment.

    Args:
        root: The tag that the fragment's root element must have.
    """
    try:
        element = etree.fromstring(str(item.value).encode(), _PARSER)
    except etree.XMLSyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        what, todo = _explain(error)
        yield LocatedProblem(_place(item, line, column), f"xml: {what}", todo)
        return
    if element.getroottree().docinfo.internalDTD is not None:
        yield LocatedProblem(item.source, "xml: a document type is not allowed", "remove '<!DOCTYPE …>'")
    elif element.tag != root:
        line = element.sourceline if isinstance(element.sourceline, int) else 1
        what = f"xml: the root element is <{printable(str(element.tag))}>, but must be <{root}>"
        todo = f"put the fragment into <{root}>…</{root}>, or rename its root element"
        if str(element.tag).endswith(f"}}{root}"):
            todo = f"remove the namespace of <{root}> (xmlns or prefix)"
        yield LocatedProblem(_place(item, line, 1), what, todo)
    else:
        yield from _check_size(element, item)


def _check_size(root: etree._Element, item: LocatedValue) -> Iterator[LocatedProblem]:
    """Yield the first place where a fragment exceeds a limit."""
    depth = elements = 0
    for event, element in etree.iterwalk(root, ("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth, elements = depth + 1, elements + 1
        line = element.sourceline if isinstance(element.sourceline, int) else 1
        for count, most, what in (
            (elements, MAX_ELEMENTS, "elements"),
            (len(element.attrib), MAX_ATTRIBUTES, "attributes on one element"),
            (depth, MAX_DEPTH, "levels of elements"),
        ):
            if count > most:
                yield LocatedProblem(
                    _place(item, line, 1), f"xml: there are more than {most:,} {what}", "reduce their number"
                )
                return


def fragment_references(item: LocatedValue, rules: Rules, path: str) -> Iterator[Reference]:
    """
    Yield the references to other objects in a valid fragment.

    Args:
        path: The path of the fragment's root element in libvirt's XML.
    """
    left = [(path, etree.fromstring(str(item.value).encode(), _PARSER))]
    while left:
        path, element = left.pop(0)
        for ref in rules.refs.get(path) or ():
            node = parse(etree.tostring(element, encoding="unicode", with_tail=False))
            parts = [node.get(name) for name in ref.name]
            if all(parts):
                line = element.sourceline if isinstance(element.sourceline, int) else 1
                yield Reference(Key(ref.kind, "/".join(map(str, parts))), _place(item, line, 1))
        left += [(under(path, e.tag), e) for e in element if isinstance(e.tag, str)]


def source_in_fragment(item: LocatedValue, xpath: str) -> Source | None:
    """
    Return the place in the file of an element in a valid fragment.

    Returns None if there is no such element.

    Args:
        xpath: The element's path from the fragment's root element; "" means the root element.
    """
    element = etree.fromstring(str(item.value).encode(), _PARSER).find(xpath or ".")
    if element is None:
        return None
    return _place(item, element.sourceline if isinstance(element.sourceline, int) else 1, 1)


def _explain(error: etree.XMLSyntaxError) -> tuple[str, str]:
    """
    Return the reason of a parse error and the advice to fix it.

    libxml2's message is not used, because it quotes the text, which may be a password with a '<'.
    """
    for pattern, what, todo in _WORDS:
        if re.search(pattern, error.msg or ""):
            return what, todo
    name = etree.ErrorTypes._getName(getattr(error, "code", 0), "") or ""  # noqa: SLF001  no other function returns libxml2's error names
    reason = name.removeprefix("ERR_").replace("_", " ").lower()
    return f"the XML cannot be parsed{reason and f' ({reason})'}", "correct or simplify the XML"


def _place(item: LocatedValue, line: int, column: int) -> Source:
    """
    Return the place in the file of a line and column in a fragment.

    If the fragment's lines are not lines of the file, the result is where the value starts.
    """
    if item.indent is None:
        return item.source
    return Source(item.source.file, item.source.line + line, item.indent + max(column, 1))
