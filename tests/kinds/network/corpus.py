"""
libvirt's own network definitions that the installed libvirt accepts.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
import yaml

from kvmreconcile.kinds.network import KIND
from kvmreconcile.kinds.ownership_mark import TAG
from kvmreconcile.model import Actual, Key
from kvmreconcile.tree import Node
from tests.kinds.network.bench import Bench, desired_by, plan_for


def corpus() -> dict[str, str]:
    """Return the definitions by file name; skip the test if there are none."""
    folder = os.environ.get("KVMRECONCILE_CORPUS")
    if not folder:
        pytest.skip("KVMRECONCILE_CORPUS names no folder with libvirt's test data")
    found = {path.name: path.read_text() for path in sorted(Path(folder, "network").glob("*.xml"))}
    assert found
    return found


def accepted(bench: Bench) -> Iterator[tuple[str, str, Key]]:
    """Yield file, text and key of each definition that libvirt accepts, while it is defined; print the rejected ones."""
    refused: list[str] = []
    files = corpus()
    for file, text in files.items():
        try:
            network = bench.connection.virt.networkDefineXML(text)
        except libvirt.libvirtError as error:
            refused.append(f"{file} ({error})")
            continue
        key = Key("Network", network.name())
        yield file, text, key
        bench.connection.virt.networkLookupByName(key.name).undefine()
    print(
        f"\n{len(files) - len(refused)} of {len(files)} definitions accepted; refused:", *refused, sep="\n  "
    )


def changes_by_xml(bench: Bench, text: str, key: Key) -> list[str]:
    """Return the changes if a spec's `xml` is the definition itself."""
    return _changes(bench, {"state": "stopped", "adopt": True, "xml": text}, key)


def changes_by_adoption(bench: Bench, key: Key) -> tuple[list[str], str]:
    """Return the changes of the adopted spec, and its YAML."""
    fields = KIND.adopt(seen(bench, key))
    text = yaml.safe_dump(fields, sort_keys=False, default_flow_style=None, width=110)
    return _changes(bench, {**yaml.safe_load(text), "adopt": True}, key), text


def _changes(bench: Bench, fields: object, key: Key) -> list[str]:
    made = plan_for(desired_by(fields, key.name), seen(bench, key))
    assert [a.verb.name for a in made.actions] == ["own"] or made.actions[0].changes
    assert not made.pending
    return [str(c) for a in made.actions for c in a.changes]


def recreated(bench: Bench, text: str, key: Key) -> tuple[Node, Node]:
    """Return the definition before, and after creating it on an empty hypervisor from the adopted YAML."""
    before = unmarked(seen(bench, key).tree)
    bench.connection.virt.networkLookupByName(key.name).undefine()
    bench.apply(desired_by(yaml.safe_load(text), key.name))
    return before, unmarked(seen(bench, key).tree)


def seen(bench: Bench, key: Key) -> Actual:
    """Return the actual network."""
    actual = bench.actual(key)
    assert actual is not None
    return actual


def unmarked(tree: Node) -> Node:
    """Return a definition without the ownership mark, with sorted elements."""
    children = []
    for child in sorted(tree.children, key=lambda c: (c.tag, c.attrs)):
        if child.tag == "metadata":
            others = tuple(c for c in child.children if c.tag != TAG)
            child = Node(child.tag, child.attrs, child.text, others)  # noqa: PLW2901  what is kept of it
            if child.is_empty():
                continue
        children.append(child)
    return Node(tree.tag, tree.attrs, tree.text, tuple(children))


def mutations(tree: Node) -> Iterator[tuple[str, Node]]:
    """Yield the tree with one leaf changed, for each leaf; and the leaf's place."""
    for index, (name, value) in enumerate(tree.attrs):
        attrs = (*tree.attrs[:index], (name, f"{value}7"), *tree.attrs[index + 1 :])
        yield f"@{name}", Node(tree.tag, attrs, tree.text, tree.children)
    if tree.text:
        yield "", Node(tree.tag, tree.attrs, f"{tree.text}7", tree.children)
    for index, child in enumerate(tree.children):
        for where, changed in mutations(child):
            children = (*tree.children[:index], changed, *tree.children[index + 1 :])
            yield f"{child.tag}/{where}", Node(tree.tag, tree.attrs, tree.text, children)


def lines(text: str) -> int:
    """Return the number of lines that are not blank."""
    return sum(1 for line in text.splitlines() if line.strip())
