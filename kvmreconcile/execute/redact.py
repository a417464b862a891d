"""
Take secrets out of what libvirt says.

Separate because libvirt quotes in its errors what it was given, and those are logged, kept and shown.
"""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from kvmreconcile.plan.masks import SECRET
from kvmreconcile.plan.render.words import is_secret
from kvmreconcile.tree import Node, Rules
from kvmreconcile.tree.place import at, under


def redacted(text: str, trees: Iterable[Node], rules: Rules) -> str:
    """Return a text with a mark for every secret of some definitions, as it is and as XML spells it."""
    found = {value for tree in trees for value in _secrets(tree, "", rules) if value}
    for value in sorted({*found, *map(escape, found)}, key=len, reverse=True):
        text = text.replace(value, SECRET)
    return text


def _secrets(node: Node, rule: str, rules: Rules) -> Iterator[str]:
    yield from (value for name, value in node.attrs if is_secret(at(rule, name), rules))
    if is_secret(rule, rules):
        yield node.text
    for child in node.children:
        yield from _secrets(child, under(rule, child.tag), rules)
