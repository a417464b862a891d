"""Remove from a desired tree the values that libvirt chooses itself when it starts the object."""

from dataclasses import replace
from operator import is_

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import Rules


def without_automatic(desired: Node, rules: Rules, path: str = "") -> Node:
    """
    Return a desired tree without the values that any value of the running object satisfies.

    Returns:
        The same object if it has no such value.
    """
    whole = desired
    children = tuple(without_automatic(c, rules, under(path, c.tag)) for c in desired.children)
    if not all(map(is_, children, desired.children)):
        desired = replace(desired, children=children)
    for row in rules.automatic.get(path) or ():
        if row.covers(desired):
            desired = desired.without(row.at)
    # An element that is linked to the whole one is linked to this one, too.
    return desired if desired is whole else replace(desired, known_as=whole)
