"""Leave out of a desired tree what libvirt chooses itself when it starts the object."""

from dataclasses import replace
from operator import is_

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import Rules


def without_automatic(desired: Node, rules: Rules, path: str = "") -> Node:
    """
    Return what a spec says of a running object: without values that any running value satisfies.

    Returns:
        The very same object where it says none.
    """
    whole = desired
    children = tuple(without_automatic(c, rules, under(path, c.tag)) for c in desired.children)
    if not all(map(is_, children, desired.children)):
        desired = replace(desired, children=children)
    for row in rules.automatic.get(path) or ():
        if row.covers(desired):
            desired = desired.without(row.at)
    # What was recognised as the whole one is recognised as this.
    return desired if desired is whole else replace(desired, known_as=whole)
