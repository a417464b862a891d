"""Remove values from a desired tree for which libvirt chooses the actual value at start."""

from dataclasses import replace
from operator import is_

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import Rules


def without_automatic(desired: Node, rules: Rules, path: str = "") -> Node:
    """
    Return a desired tree without automatic values, which any value of the running object satisfies.

    Returns:
        `desired` itself if it has no automatic value.
    """
    whole = desired
    children = tuple(without_automatic(c, rules, under(path, c.tag)) for c in desired.children)
    if not all(map(is_, children, desired.children)):
        desired = replace(desired, children=children)
    for row in rules.automatic.get(path) or ():
        if row.covers(desired):
            desired = desired.without(row.at)
    # Elements that are linked to the original element must be linked to this copy, too.
    return desired if desired is whole else replace(desired, known_as=whole)
