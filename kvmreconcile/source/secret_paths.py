"""
Check the paths in a document's field `secret`.

Each path must match a value of the spec, and must not match a value that identifies an object or
device.
"""

from collections.abc import Iterator

from kvmreconcile.model.located import LocatedValue, find_value
from kvmreconcile.source.problem import LocatedProblem, printable
from kvmreconcile.source.suggestions import nearest
from kvmreconcile.tree import Node, Rules, paths
from kvmreconcile.tree.node import COMMENT, NONE
from kvmreconcile.tree.paths import at, under

FIELD = ("spec", "secret")
_ALWAYS = ("name", "uuid")
"""Paths of the values that identify every object."""


def check_secret_paths(document: LocatedValue, definition: Node, rules: Rules) -> Iterator[LocatedProblem]:
    """
    Yield the problems of the secret paths of a document that is otherwise valid.

    Args:
        definition: The definition that results from the spec.
        rules: The rules of the document's kind.
    """
    listed = find_value(document, *FIELD)
    entries = listed.value if listed is not None and isinstance(listed.value, tuple) else ()
    for entry in entries:
        path = str(entry.value)
        if found := _find_problem(path, definition, rules):
            what, todo = found
            yield LocatedProblem(entry.source, f"spec.secret: '{printable(path)}' {what}", todo)


def _find_problem(path: str, definition: Node, rules: Rules) -> tuple[str, str] | None:
    """Return what is wrong with a path and how to fix it, or None if the path is valid."""
    table = paths(path)
    known = tuple(dict.fromkeys(_places(definition)))
    if not any(place in table for place in known):
        close = nearest(path, known)
        is_useful = close is not None and not _identifies(close, rules)
        guess = f"did you mean '{close}'? otherwise, remove the path"
        todo = (
            guess
            if is_useful
            else "remove the path, or use the path of a value of this spec in libvirt's XML"
        )
        return "matches nothing in this spec", todo
    if _identifies(path, rules):
        what = "identifies objects or list entries in plans and therefore cannot be secret"
        return (
            what,
            "remove the path; if it also matches other values, list the paths of those values instead",
        )
    return None


def _identifies(path: str, rules: Rules) -> bool:
    """Return whether a path matches a value that plans use to name objects or devices."""
    is_name = any(name in paths(path) for name in _ALWAYS)
    return is_name or _is_key(path, rules) or _is_reference(path, rules)


def _is_key(path: str, rules: Rules) -> bool:
    """
    Return whether a path matches a value that identifies members of a list.

    A path to an element that contains such a value also matches.
    """
    below = paths(path, f"{path}/**")
    return any(
        f"{row}/{part}" in below
        for row, members in rules.members.rows
        if paths(f"{row}/**").get(path)
        for key in members.keys
        for part in key
    )


def _is_reference(path: str, rules: Rules) -> bool:
    """Return whether a path matches a reference to another object."""
    table, last = paths(path), path.rpartition("/")[2]
    named = (
        (row, part) for row, refs in rules.refs.rows for ref in refs for part in ref.name if part == last
    )
    return any(f"{row}/{part}".lstrip("/") in table for row, part in named)


def _places(node: Node, path: str = "") -> Iterator[str]:
    """Yield the path of each element and attribute below a node."""
    yield from (at(path, name) for name, _ in node.attrs)
    for child in node.children:
        if child.tag not in (COMMENT, NONE):
            yield under(path, child.tag)
            yield from _places(child, under(path, child.tag))
