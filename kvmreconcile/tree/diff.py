"""List the differences between two trees, and find elements by the steps of a change."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.match import pair
from kvmreconcile.tree.node import COMMENT, Node
from kvmreconcile.tree.paths import at, short, under
from kvmreconcile.tree.rows import Members
from kvmreconcile.tree.rules import Rules, labels
from kvmreconcile.tree.variants import for_whole


def diff(old: Node, new: Node, rules: Rules, rule: str = "", steps: tuple[str, ...] = ()) -> Iterator[Change]:
    """
    Yield the changes that turn `old` into `new`, those of an element before those of its children.

    Args:
        rule: The path of both elements in rules; "" for the root element.
        steps: The place of both elements for users.
    """
    if old is new or (rule and rule in rules.ignored):
        return
    yield from _leaves(old, new, rules, rule, steps)
    if old.children == new.children:
        return
    pairs = pair(old.children, new.children, rule, for_whole(rules), lambda a, b: a == b)
    kept = set(pairs.values())
    for index, step in enumerate(child_steps(old, rules, rule)):
        if index not in kept:
            yield from _whole(old.children[index], None, rules, rule, (*steps, step))
    for index, step in enumerate(child_steps(new, rules, rule)):
        child = new.children[index]
        if index in pairs:
            yield from diff(old.children[pairs[index]], child, rules, under(rule, child.tag), (*steps, step))
        else:
            yield from _whole(None, child, rules, rule, (*steps, step))


def _leaves(old: Node, new: Node, rules: Rules, rule: str, steps: tuple[str, ...]) -> Iterator[Change]:
    if old.attrs != new.attrs:
        before, after = dict(old.attrs), dict(new.attrs)
        for name in sorted(before.keys() | after.keys()):
            where = at(rule, name)
            if before.get(name) != after.get(name) and where not in rules.ignored:
                yield Change((*steps, f"@{name}"), where, before.get(name), after.get(name), rules.secrets)
    if old.text != new.text:
        yield Change(steps, rule, old.text or None, new.text or None, rules.secrets)


def _whole(
    old: Node | None, new: Node | None, rules: Rules, parent: str, steps: tuple[str, ...]
) -> Iterator[Change]:
    element = old or new or Node("")
    rule = under(parent, element.tag)
    if rule in rules.containers:
        empty = Node(element.tag)
        yield from diff(old or empty, new or empty, rules, rule, steps)
    elif (
        element.tag != COMMENT and rule not in rules.ignored and not _only_holds_ignored(element, rules, rule)
    ):
        yield Change(steps, rule, old, new, rules.secrets)


def _only_holds_ignored(element: Node, rules: Rules, rule: str) -> bool:
    """Return whether an element contains only ignored elements, such as the ownership mark."""
    if element.attrs or element.text or not element.children:
        return False
    return all(under(rule, child.tag) in rules.ignored for child in element.children)


def child_step(child: Node, parent: Node, rules: Rules, rule: str) -> str:
    """Return the step of a child: its tag, followed by its name or index in brackets if necessary."""
    steps = child_steps(parent, rules, rule.removesuffix(short(child.tag)).removesuffix("/"))
    return next(step for step, other in zip(steps, parent.children, strict=True) if other is child)


def child_steps(parent: Node, rules: Rules, rule: str) -> list[str]:
    """Return the steps of all children of an element at `rule`; the steps are unique."""
    many = Counter(c.tag for c in parent.children)
    seen: Counter[str] = Counter()
    steps: list[str] = []
    for child in parent.children:
        where = under(rule, child.tag)
        tag, members = where[len(rule) :].removeprefix("/"), _shown_members(rules, where)
        name = next(labels(child, members), None)
        step = tag if name is None else f"{tag}[{name}]"
        seen[step] += 1
        if name is not None or members is not None:
            # Two members with one name are invalid, but must have different steps.
            step = step if seen[step] == 1 else f"{tag}[{name or ''}#{seen[step]}]"
        elif many[child.tag] > 1:
            step = f"{tag}[{seen[step] - 1}]"
        steps.append(step)
    return steps


@lru_cache(maxsize=4096)
def _shown_members(rules: Rules, path: str) -> Members | None:
    """Return how members at a path are identified for users: without secret keys, else by their position."""
    members = rules.members.get(path)
    if members is None:
        return None
    keys = (k for k in members.keys if not any(f"{path}/{part}" in rules.secrets for part in k))
    return replace(members, keys=tuple(keys))


def locate(tree: Node, steps: tuple[str, ...], rules: Rules) -> Node | None:
    """Return the element at `steps` in a tree; None if it does not exist."""
    node, rule = tree, ""
    for step in steps:
        index = position(node, step, rules, rule)
        if index is None:
            return None
        node, rule = node.children[index], under(rule, node.children[index].tag)
    return node


def position(parent: Node, step: str, rules: Rules, rule: str) -> int | None:
    """Return the index of the child of `parent` that a step names; None if there is no such child."""
    index = next((i for i, name in enumerate(child_steps(parent, rules, rule)) if name == step), None)
    if index is None:
        # The step may come from another tree, where the element was named by another of its keys.
        named = (i for i, child in enumerate(parent.children) if step in _all_names(child, rules, rule))
        index = next(named, None)
    return index


def _all_names(child: Node, rules: Rules, parent: str) -> Iterator[str]:
    where = under(parent, child.tag)
    tag = where[len(parent) :].removeprefix("/")
    return (f"{tag}[{name}]" for name in labels(child, _shown_members(rules, where)))
