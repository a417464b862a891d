"""
Random trees and random rules that match each other.

The vocabulary is small, so that paths and values coincide and rows of every table are used. Invalid specs
are not drawn, because they are refused before planning.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

from kvmreconcile.tree import (
    NONE,
    CreationDefaults,
    Measure,
    Members,
    Node,
    Owner,
    Reset,
    Rules,
    Scalar,
    Table,
    make,
    paths,
)
from kvmreconcile.tree.node import COMMENT, TEXT
from kvmreconcile.tree.paths import under

T = TypeVar("T")
When = tuple[tuple[str, str | None], ...]
ROOT = "root"
FOREIGN = "{urn:other:1}"
BOXES = ("a", "b", f"{FOREIGN}c")
"""Tags of elements that contain others."""
LEAVES = ("t", "u")
"""Tags of elements that contain a text; there is never more than one "u" in an element, as of most things."""
MIXED = f"{FOREIGN}mixed"
"""Tag of an element with text between its children, as in metadata of other tools."""
ATTRIBUTES = ("k", "v", "unit")
VALUES = ("1", "01", "2", "x", "X", "1024")
UNITS = ("KiB", "MiB", "bytes")

values = st.sampled_from(VALUES)
attributes = st.dictionaries(st.sampled_from(ATTRIBUTES), values, max_size=3).map(
    lambda found: found | ({"unit": UNITS[len(found["unit"]) % 3]} if "unit" in found else {})
)


def _leaf(tags: st.SearchStrategy[str]) -> st.SearchStrategy[Node]:
    return st.builds(make, tags, attributes, st.one_of(st.just(""), values))


def _mixed() -> st.SearchStrategy[Node]:
    texts = st.sampled_from(("some ", " words")).map(lambda text: Node(TEXT, (), text))
    comments = st.sampled_from(("why", "how")).map(lambda text: Node(COMMENT, (), text))
    inner = st.lists(st.one_of(comments, _leaf(st.just("t"))), max_size=2)
    return st.builds(
        lambda first, between: (
            replace(make(MIXED, {}, "", (first, *between)), prefix="o") if between else make(MIXED)
        ),
        texts,
        inner,
    )


def _boxes(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(
        lambda tag, attrs, children: replace(make(tag, attrs, "", tuple(children)), prefix=_prefix(tag)),
        st.sampled_from(BOXES),
        attributes,
        st.lists(inner, max_size=4).map(_with_lone),
    )


def _with_lone(children: list[Node]) -> list[Node]:
    lone = [c for c in children if c.tag == "u"]
    return [c for c in children if c.tag != "u" or c is lone[0]]


def _prefix(tag: str) -> str | None:
    return "o" if tag.startswith(FOREIGN) else None


_elements = st.recursive(st.one_of(_leaf(st.sampled_from(LEAVES)), _mixed()), _boxes, max_leaves=8)
trees = st.lists(_elements, max_size=5).map(lambda children: Node(ROOT, (), "", tuple(_with_lone(children))))
"""What exists."""


@st.composite
def wishes(draw: st.DrawFn, rules: Rules) -> Node:
    """Draw a spec: a tree, in which some elements are absence markers."""
    return _sensible(_with_markers(draw(trees), draw), rules, "")


def _sensible(node: Node, rules: Rules, path: str) -> Node:
    """Return a spec without repeated elements: neither without a row nor with the same key."""
    seen: set[tuple[str, ...]] = set()
    children = []
    for child in node.children:
        where = under(path, child.tag)
        row = rules.members.get(where)
        names = {
            (child.tag, str(key), *(child.get(p) or "" for p in key)) for key in (row.keys if row else ())
        }
        names = names or ({(child.tag,)} if row is None else set())
        if child.tag in (NONE, TEXT, COMMENT) or not names & seen:
            children.append(_sensible(child, rules, where))
            seen |= names
    return replace(node, children=tuple(children))


def _with_markers(node: Node, draw: st.DrawFn) -> Node:
    children = tuple(_with_markers(c, draw) for c in node.children)
    free = sorted({*BOXES, *LEAVES} - {c.tag for c in children})
    if node.tag in (*BOXES, ROOT) and free and draw(st.integers(0, 3)) == 0:
        tag = draw(st.sampled_from(free))
        like = make(tag, draw(attributes))
        children = (*children, draw(st.sampled_from((Node(NONE, (), tag), Node(NONE, (), "", (like,))))))
    return replace(node, children=children)


_SOME_PATHS = ("a", "b", "t", "u", "a/b", "a/t", "b/t", "a/a", "b/b", "a/*", "urn:other:1:c", "**")
_PLACES = (*_SOME_PATHS, "a/@k", "a/@v", "b/@k", "t/@k", "t/@v", "u/@v", "a/t/@v", "*/@v", "a/*/@k", "**/@k")
_SINGLE = ("u", "a/u", "**/u", "u/@v", "a/@k", "a/@v", "*/@v", "**/@k")
some_paths = st.sampled_from(_SOME_PATHS)
places = st.sampled_from(_PLACES)
_keys = st.lists(
    st.sampled_from((("@k",), ("@v",), ("t",), ("@k", "@v"), ("t/@k",))), max_size=2, unique=True
).map(tuple)
_more_keys = st.lists(
    st.sampled_from((("@unit",), ("@unit", "@v"), ("u",), ("@k=1|", "@v"), ("b/@*",))),
    max_size=2,
    unique=True,
).map(tuple)
members = st.builds(
    Members,
    _keys,
    st.sampled_from(Owner),
    st.one_of(st.just(()), st.just((("@k", "@unit"),))),
    _more_keys,
    _more_keys,
    _more_keys,
    st.sampled_from(("", "name them")),
)


def _is_one_of(desired: str, actual: str) -> bool:
    return desired == "x" and actual in ("1", "2")


scalars = st.sampled_from(
    (Scalar(str.lower), Scalar(lambda v: v.lstrip("0")), Scalar(str, accepts=_is_one_of))
)
measures = st.sampled_from((Measure(), Measure(value="@v"), Measure(default="bytes", step=512)))
resets = st.lists(
    st.builds(
        Reset,
        st.sampled_from(("@k", "@v", "t", "t/@v")),
        st.sampled_from((("@v",), ("u",), ("b", "t/@k"), ())),
    ),
    max_size=2,
).map(tuple)


def _birth(attrs: dict[str, str], children: list[Node], when: When) -> tuple[CreationDefaults, ...]:
    return (CreationDefaults(make("", attrs, "", tuple(children)), when),)


creation_defaults = st.builds(
    _birth,
    attributes,
    st.lists(_leaf(st.sampled_from(LEAVES)), max_size=2),
    st.sampled_from(((), (("@k", None),), (("t", "1"),))),
)


def _table(keys: st.SearchStrategy[str], rows: st.SearchStrategy[T]) -> st.SearchStrategy[Table[T]]:
    return st.dictionaries(keys, rows, max_size=3).map(Table)


def _born(table: Table[tuple[CreationDefaults, ...]]) -> Table[tuple[CreationDefaults, ...]]:
    """Return rows whose default elements have the tags of their paths."""
    return Table(
        {
            path: tuple(replace(b, tree=replace(b.tree, tag=_tag(path))) for b in rows)
            for path, rows in table.rows
            if "*" not in path
        }
    )


def _tag(path: str) -> str:
    last = path.rpartition("/")[2]
    return f"{FOREIGN}c" if last.endswith(":c") else last


_some = st.lists(places, max_size=2).map(lambda found: paths(*found))

rules = st.builds(
    Rules,
    members=_table(some_paths, members),
    scalars=_table(places, scalars),
    measures=_table(st.sampled_from(("t", "u", "a/t", "b", "a/a")), measures),
    implied=_table(st.sampled_from(_SINGLE), st.one_of(values, st.just(lambda node: node.attr("k") or ""))),
    resets=_table(some_paths, resets),
    ignored=_some,
    at_creation=_some,
    whole=_some,
    required=_some,
    creation_defaults=_table(some_paths, creation_defaults).map(_born),
)
"""The rules of a kind that merging uses."""


@dataclass(frozen=True)
class Case:
    """The actual tree, the applied spec, the desired spec, and the rules of the kind."""

    actual: Node
    applied: Node
    desired: Node
    rules: Rules


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case."""
    known = draw(rules)
    return Case(draw(trees), draw(wishes(known)), draw(wishes(known)), known)
