"""
Write values on one line, escaped for a terminal and without secrets.

All renderers use this module.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.system.printable import escaped, visible
from kvmreconcile.tree import Change, Node, Rules, Table
from kvmreconcile.tree.diff import child_steps
from kvmreconcile.tree.node import COMMENT, NONE, TEXT
from kvmreconcile.tree.paths import at, short, under
from kvmreconcile.tree.scalars import print_size

_QUOTED = re.compile(r'[\s()="]')
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def rules_of_change(change: Change, rules: Rules) -> Rules:
    """Return the rules of a kind, with the secret paths of the changed object added."""
    own = change.secrets
    return _with_secrets(rules, own) if own.rows and own is not rules.secrets else rules


@lru_cache(maxsize=256)
def _with_secrets(rules: Rules, secrets: Table[bool]) -> Rules:
    return replace(rules, secrets=secrets)


def show_value(value: str | Node, rule: str, rules: Rules) -> str:
    """Return a value or an element as one line. `rule`: its path in the rules."""
    if rules.is_secret(rule):
        return SECRET
    return brief_value(value, rule, rules) if isinstance(value, Node) else visible(value) or '""'


def brief_value(node: Node, rule: str, rules: Rules) -> str:
    """Return the contents of an element as one line, such as `source(pool=default volume=data)`."""
    if (size := measured(node, rule, rules)) is not None:
        return size
    words = [f"{visible(short(n))}={_word(v, at(rule, n), rules)}" for n, v in node.attrs]
    if node.text:
        words.append(_word(node.text, rule, rules))
    return " ".join((*words, *_inside(node, rule, rules)))


def _inside(node: Node, rule: str, rules: Rules) -> Iterator[str]:
    for child in node.children:
        where = under(rule, child.tag)
        if child.tag in (COMMENT, NONE) or where in rules.ignored:
            continue
        tag = visible(short(child.tag))
        if rules.is_secret(where):
            yield f"{tag}={SECRET}"
        elif child.tag == TEXT or child.is_empty():
            yield _word(child.text, where, rules) if child.text else tag
        elif not child.attrs and not child.children:
            yield f"{tag}={_word(child.text, where, rules)}"
        else:
            yield f"{tag}({brief_value(child, where, rules)})"


def _word(text: str, rule: str, rules: Rules) -> str:
    if rules.is_secret(rule):
        return SECRET
    plain = visible(text)
    return plain if plain and not _QUOTED.search(text) else '"' + plain.replace('"', '\\"') + '"'


def measured(node: Node, rule: str, rules: Rules) -> str | None:
    """Return the size that an element contains, or None if the element is not a size."""
    measure = rules.measures.get(rule)
    if measure is None or node.children or rules.is_secret(rule):
        return None
    unit, value = measure.unit.removeprefix("@"), measure.value.removeprefix("@")
    number = node.attr(value) if value else node.text
    if not number or {n for n, _ in node.attrs} - {unit, value} or (value and node.text):
        return None
    return size(number, node.attr(unit), rule, rules)


def size(number: str, unit: str | None, rule: str, rules: Rules) -> str | None:
    """Return a size in the largest unit that gives a whole number; None if it is invalid."""
    measure = rules.measures.get(rule)
    bytes_ = measure.bytes(number, unit) if measure else None
    return None if bytes_ is None else print_size(bytes_)


def leaves(
    node: Node, rules: Rules, rule: str = "", steps: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str, str | Node]]:
    """
    Yield the values in an element as (steps, rule, value).

    Elements that contain only other elements are replaced by their children.

    Args:
        rule: The path of the element in the rules.
        steps: The path of the element in the definition.
    """
    for name, text in node.attrs:
        yield (*steps, f"@{short(name)}"), at(rule, name), text
    if node.text:
        yield steps, rule, node.text
    for child, step in zip(node.children, child_steps(node, rules, rule), strict=True):
        where = under(rule, child.tag)
        if child.tag in (COMMENT, NONE, TEXT) or where in rules.ignored:
            continue
        path = (*steps, step)
        if _only_holds_others(child, where, rules) and not path[-1].endswith("]"):
            yield from leaves(child, rules, where, path)
        else:
            plain = not child.attrs and not child.children and child.text
            yield path, where, child.text if plain else child


def _only_holds_others(node: Node, rule: str, rules: Rules) -> bool:
    if not node.children or node.attrs or any(c.tag == TEXT for c in node.children):
        return False
    return not rules.is_secret(rule)


def fit_for_xml(node: Node, rule: str, rules: Rules) -> Node:
    """
    Return an element whose secrets are masked and whose characters are valid in XML.

    Characters that XML does not allow are escaped. Comments are left out, since a line that was
    commented out may contain a password.
    """
    if rules.is_secret(rule):
        return Node(node.tag, (), SECRET, (), node.prefix)
    attrs = tuple((n, SECRET if rules.is_secret(at(rule, n)) else _storable(v)) for n, v in node.attrs)
    children = tuple(
        c if c.tag == TEXT else fit_for_xml(c, under(rule, c.tag), rules)
        for c in node.children
        if c.tag != COMMENT
    )
    return replace(node, attrs=attrs, text=_storable(node.text), children=children)


def _storable(text: str) -> str:
    return _NOT_XML.sub(lambda found: escaped(found[0]), text)


def holds_secret(node: Node, rule: str, rules: Rules) -> bool:
    """Return whether an element contains a secret."""
    if rules.is_secret(rule) or any(rules.is_secret(at(rule, n)) for n, _ in node.attrs):
        return True
    return any(holds_secret(c, under(rule, c.tag), rules) for c in node.children)
