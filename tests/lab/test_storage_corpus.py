"""libvirt's own definitions of pools and volumes, as far as this libvirt accepts them."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import libvirt
import pytest
import yaml

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.kinds.pool import KIND as POOL
from kvmreconcile.kinds.volume import KIND as VOLUME
from kvmreconcile.model import Desired, Key
from kvmreconcile.tree import Node, Rules, diff, overlay, parse, to_xml
from kvmreconcile.tree.paths import at, under
from tests.lab.lab import Lab
from tests.lab.storage import ANYTHING, Host, desired_pool, make_desired

T = TypeVar("T")

UNEVEN = "Unable to get accurate CPU usage"

pytestmark = pytest.mark.figures

# A secret per encrypted volume of the corpus.
SECRETS = ("f52a81b2-424e-490c-823d-6bd4235bc572", "e78d4b51-a2af-485f-b0f5-afca709a80f4")


@dataclass(frozen=True)
class Case:
    """One definition of the corpus and the object that plain libvirt made of it."""

    file: str
    text: str
    key: Key
    kind: Kind

    def make_desired(self, text: str | None = None) -> Desired:
        """Return the desired object of a spec with this definition as its `xml`."""
        return self.desired_with({"xml": text or self.text, "adopt": True} | self._needed())

    def desired_with(self, fields: dict[str, Any]) -> Desired:
        """Return the desired object of a spec with these fields."""
        return make_desired(self.kind, self.key.name.rpartition("/")[2], **fields)

    def _needed(self) -> dict[str, Any]:
        return {"state": "stopped"} if self.kind is POOL else {"pool": "default"}


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    with connect(lab.uri) as connection:
        yield Host(connection)


@pytest.fixture
def cases(request: pytest.FixtureRequest, host: Host, lab: Lab) -> Iterator[Case]:
    """Each accepted definition, while it exists; prints the refused ones with the error."""
    kind: Kind = request.param
    folder = os.environ.get("KVMRECONCILE_CORPUS")
    if not folder:
        pytest.skip("KVMRECONCILE_CORPUS names no folder with libvirt's test data")
    files = sorted(Path(folder, kind.root).glob("*.xml"))
    assert files
    if kind is VOLUME and not request.config.getoption("--full"):
        # Pass phrases of encrypted volumes take long to derive.
        files = files[::2]
    return _pools(host, files) if kind is POOL else _volumes(host, lab, files)


def _pools(host: Host, files: list[Path]) -> Iterator[Case]:
    refused = []
    for file in files:
        try:
            made = host.connection.virt.storagePoolDefineXML(file.read_text())
        except libvirt.libvirtError as error:
            refused.append(f"{file.name}: {error}")
            continue
        yield Case(file.name, file.read_text(), Key("StoragePool", made.name()), POOL)
        host.connection.virt.storagePoolLookupByName(made.name()).undefine()
    _print_summary("pools", len(files), refused)


def _volumes(host: Host, lab: Lab, files: list[Path]) -> Iterator[Case]:
    for uuid in SECRETS:
        xml = f"<secret ephemeral='yes'><uuid>{uuid}</uuid><usage type='volume'><volume>/{uuid}</volume></usage></secret>"
        host.connection.virt.secretDefineXML(xml).setValue("secret")
    host.want(desired_pool(path=str(lab.path / "images/default")))
    host.converge()
    pool = host.connection.virt.storagePoolLookupByName("default")
    refused = []
    for file in files:
        try:
            made = retry_benchmark(partial(pool.createXML, file.read_text(), 0))
        except libvirt.libvirtError as error:
            refused.append(f"{file.name}: {error}")
            continue
        name = made.name()
        yield Case(file.name, file.read_text(), Key("Volume", f"default/{name}"), VOLUME)
        if name in pool.listVolumes():
            pool.storageVolLookupByName(name).delete()
    _print_summary("volumes", len(files), refused)


def retry_benchmark(make: Callable[[], T]) -> T:
    """
    Return what is created, repeated where qemu-img's benchmark fails on a machine with uneven timing.

    The benchmark chooses the iterations of a LUKS pass phrase, and may fail many times in a row.
    """
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            return make()
        except (libvirt.libvirtError, HostError) as error:
            if UNEVEN not in str(error):
                raise
    return make()


def _print_summary(what: str, total: int, refused: list[str]) -> None:
    print(f"\n{total - len(refused)} of {total} {what} accepted; refused:", *refused, sep="\n  ")


def changes(host: Host, case: Case, desired: Desired) -> list[str]:
    tree = host.actual(case.key).tree
    return [c.rule for c in diff(tree, overlay(tree, desired.tree, case.kind.rules), case.kind.rules)]


def mutations(node: Node, rules: Rules, path: str = "") -> Iterator[tuple[str, Node]]:
    """Yield the tree with one leaf changed, for each leaf except those that libvirt alone decides."""
    for index, (name, value) in enumerate(node.attrs):
        attrs = (*node.attrs[:index], (name, f"{value}7"), *node.attrs[index + 1 :])
        if not rules.is_left_alone(at(path, name)):
            yield at(path, name), Node(node.tag, attrs, node.text, node.children, node.prefix)
    if node.text:
        yield path, Node(node.tag, node.attrs, f"{node.text}7", node.children, node.prefix)
    for index, child in enumerate(node.children):
        where = under(path, child.tag)
        if child.tag.startswith("#") or rules.is_left_alone(where):
            continue
        for leaf, changed in mutations(child, rules, where):
            children = (*node.children[:index], changed, *node.children[index + 1 :])
            yield leaf, Node(node.tag, node.attrs, node.text, children, node.prefix)


BOTH = pytest.mark.parametrize("cases", [POOL, VOLUME], ids=["pools", "volumes"], indirect=True)


@BOTH
def test_unmodified_definition_is_in_sync(host: Host, cases: Iterator[Case]) -> None:
    found = {case.file: changes(host, case, case.make_desired()) for case in cases}
    kept = {file: paths for file, paths in found.items() if paths}
    print(f"{len(found) - len(kept)} of {len(found)} in sync unmodified")

    assert not kept


@BOTH
def test_every_definition_is_in_sync_after_one_apply(host: Host, cases: Iterator[Case]) -> None:
    for case in cases:
        host.want(case.make_desired())
        host.converge()
        assert host.is_in_sync(), case.file
        host.wanted.pop(case.key)
        host.applied.pop(case.key, None)


@BOTH
def test_adopted_definition_is_in_sync_and_recreates_the_same_object(
    host: Host, cases: Iterator[Case]
) -> None:
    written: list[int] = []
    for case in cases:
        before = host.actual(case.key)
        text = yaml.safe_dump(case.kind.adopt(before), sort_keys=False)
        desired = case.desired_with(yaml.safe_load(text))
        assert changes(host, case, desired) == [], case.file
        written.append(round(100 * len(text.splitlines()) / len(before.xml.splitlines())))

        host.act(case.key, "remove")
        host.want(desired)
        try:
            retry_benchmark(lambda: host.converge(ANYTHING))
        except HostError as error:
            if UNEVEN not in str(error):
                raise
            print(f"{case.file}: not made again: {error}")
            host.wanted.pop(case.key)
            host.applied.pop(case.key, None)
            continue

        after = host.actual(case.key)
        assert overlay(after.tree, unreported(before.tree, case.kind.rules), case.kind.rules) == after.tree, (
            case.file
        )
        host.wanted.pop(case.key)
        host.applied.pop(case.key)
    print(f"adopted YAML: median {sorted(written)[len(written) // 2]} % of the XML's lines")


def unreported(tree: Node, rules: Rules, path: str = "") -> Node:
    children = tuple(c for c in tree.children if under(path, c.tag) not in rules.ignored)
    return Node(
        tree.tag, tree.attrs, tree.text, tuple(unreported(c, rules, under(path, c.tag)) for c in children)
    )


@BOTH
def test_every_changed_leaf_is_detected(host: Host, cases: Iterator[Case]) -> None:
    count = 0
    for case in cases:
        settled = set(changes(host, case, case.make_desired()))
        for leaf, changed in mutations(parse(case.text), case.kind.rules):
            if leaf == "name":
                continue
            text = to_xml(changed)
            found = set(changes(host, case, case.make_desired(text)))
            assert found - settled or leaf in settled, f"{case.file}: {leaf}"
            count += 1
    print(f"{count} changed leaves, each seen")

    assert count > 20
