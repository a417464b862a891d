"""
Write a spec document as compact YAML.

The output means the same in YAML 1.1 and YAML 1.2. For example, a MAC address that consists of digits is quoted,
because YAML 1.1 would read it as a number.
"""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from yamlcore import CoreDumper  # type: ignore[import-untyped] # it carries no annotations

COMMENT = (
    "# <address> outside <source> is the device's address in the guest; without it, libvirt may choose one."
)
WIDTH = 100
"""Lists and mappings up to this width are written on one line."""


class _Dumper(CoreDumper):  # type: ignore[misc] # it carries no annotations
    def ignore_aliases(self, _data: object) -> bool:
        return True


_STR = "tag:yaml.org,2002:str"
_BOOLEANS = frozenset("yYnN")
"""Words that are booleans in YAML 1.1, but that PyYAML reads as strings."""


def _text(dumper: yaml.Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar(_STR, text, style="|" if "\n" in text else _quotes(text))


def _quotes(text: str) -> str | None:
    """Return the quotes that make YAML 1.1 read a text as a string, or None if no quotes are needed."""
    tag = _OLD.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call] # it has no annotations
    is_text = tag == _STR and text not in _BOOLEANS
    return None if is_text else "'"


_OLD = yaml.resolver.Resolver()


_Dumper.add_representer(str, _text)


def write_document(document: Mapping[str, Any]) -> str:
    """Return a document as YAML; lists and mappings except `spec` are on one line if they fit."""
    stream = io.StringIO()
    dumper = _Dumper(stream, width=1 << 20, allow_unicode=True, sort_keys=False)
    node = dumper.represent_data(dict(document))
    _shape(node)
    node.flow_style = False
    for key, value in node.value:
        if key.value == "spec" and value.value:
            value.flow_style = False
    dumper.open()
    dumper.serialize(node)
    dumper.close()
    return _commented(stream.getvalue())


def _commented(text: str) -> str:
    """Return a document with a comment above the first device that has an address in its XML."""
    line = next(_addresses(yaml.compose(text, yaml.SafeLoader)), None)
    if line is None:
        return text
    lines = text.splitlines(keepends=True)
    indent = lines[line][: -len(lines[line].lstrip(" "))]
    return "".join([*lines[:line], f"{indent}{COMMENT}\n", *lines[line:]])


def _addresses(node: yaml.Node | None, *, is_device: bool = False) -> Iterator[int]:
    """Yield the line numbers (starting at 0) where devices that have an address in their XML begin."""
    match node:
        case yaml.SequenceNode():
            for item in node.value:
                yield from _addresses(item, is_device=True)
        case yaml.MappingNode():
            for key, value in node.value:
                if is_device and key.value == "xml" and "<address" in value.value:
                    yield node.start_mark.line
                yield from _addresses(value)


def _shape(node: yaml.Node) -> int:
    """
    Set the style of a node and its children, and return the width of the node on one line.

    The width of a block scalar is more than a line.
    """
    match node:
        case yaml.ScalarNode():
            return WIDTH + 1 if node.style == "|" else len(node.value) + 2
        case yaml.SequenceNode():
            width = 2 + sum(_shape(item) + 2 for item in node.value)
        case yaml.MappingNode():
            width = 2 + sum(_shape(key) + _shape(value) + 2 for key, value in node.value)
        case _:
            return 0
    node.flow_style = width <= WIDTH
    return width
