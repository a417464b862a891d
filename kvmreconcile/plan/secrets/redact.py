"""Remove secrets from messages, since libvirt quotes values of definitions in its errors."""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Node, Rules
from kvmreconcile.tree.paths import at, under


def redacted(text: str, trees: Iterable[Node], rules: Rules) -> str:
    """Return a text with the secrets of definitions masked, both plain and escaped for XML."""
    found = {value.strip() for tree in trees for _, value in secrets(tree, rules)} - {""}
    spelled = {form for value in found for form in (value, escape(value), quoteattr(value)[1:-1])}
    for value in sorted(spelled, key=len, reverse=True):
        text = text.replace(value, SECRET)
    return text


def secrets(node: Node, rules: Rules, rule: str = "") -> Iterator[tuple[str, str]]:
    """
    Yield the path and value of each secret in an element.

    Args:
        rule: The path of the element in the rules.
    """
    for name, value in node.attrs:
        if rules.is_secret(at(rule, name)):
            yield at(rule, name), value
    if node.text and rules.is_secret(rule):
        yield rule, node.text
    for child in node.children:
        yield from secrets(child, rules, under(rule, child.tag))
