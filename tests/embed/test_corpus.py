"""
libvirt's own domain definitions: adopt, plan, apply to the real driver, and record.

Each test uses a slice of the corpus, so that the tests can run in parallel. It prints its figures,
with the expected total in the last line.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest

from kvmreconcile.cli.yaml_writer import write_document
from kvmreconcile.errors import HostError
from kvmreconcile.kinds.domain import KIND
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.ownership_mark import without_mark
from kvmreconcile.model import Actual, Key, Result
from kvmreconcile.tree import Node, diff, overlay, parse, paths, to_xml
from kvmreconcile.tree.paths import at, under
from tests.embed.embedded import Embedded, files, make_desired

pytestmark = [pytest.mark.figures, pytest.mark.timeout(900)]

NAMELESS = replace(RULES, ignored=paths(*(path for path, _ in RULES.ignored.rows), "devices/*/alias"))
"""Rules that treat a device with an added name as unchanged."""
SLICES = 4
MUTATIONS_EACH, MANY_MUTATIONS_EACH = 2, 5


@pytest.fixture(params=range(SLICES))
def corpus(request: pytest.FixtureRequest, hypervisor: Embedded) -> list[Path]:
    return hypervisor.accepted(files()[request.param :: SLICES])


@pytest.fixture
def sample(request: pytest.FixtureRequest, corpus: list[Path]) -> list[Path]:
    """A quarter of the corpus, or all of it with --full. Adopting a domain takes long."""
    return corpus if request.config.getoption("--full") else corpus[::4]


def _define(hypervisor: Embedded, xml: str) -> tuple[Key, Actual]:
    hypervisor.clear()
    key = hypervisor.define(xml)
    actual = hypervisor.observed().objects[key]
    assert isinstance(actual, Actual)
    return key, actual


def test_unmodified_definition_has_no_change(hypervisor: Embedded, corpus: list[Path]) -> None:
    by_the_engine, settled = 0, []
    for file in corpus:
        key, _ = _define(hypervisor, file.read_text())
        spec = make_desired(
            key.name, {"xml": file.read_text(), "adopt": True, "state": "any", "checkSchema": False}
        )

        todo = hypervisor.plan(spec)

        changes = [change for action in todo.actions for change in action.changes]
        by_the_engine += not changes
        report = hypervisor.apply(spec, todo)
        assert not report.failed, (file.name, report.failed)
        settled += [(file.name, entry) for _, entry in report.settled]
        assert bool(changes) == bool(report.settled), (file.name, changes)
        assert hypervisor.plan(spec).is_empty, file.name
    print(f"\n{by_the_engine} of {len(corpus)} empty by the engine and its scalars alone")
    for name, entry in settled:
        print(f"  {name}: {entry.path}: libvirt keeps {entry.asked!r} as {entry.answered!r}")
    assert by_the_engine >= len(corpus) * 430 / 446


def test_adopted_spec_has_no_change_and_recreates_the_domain(
    hypervisor: Embedded, sample: list[Path]
) -> None:
    shares: list[float] = []
    unstable: list[str] = []
    for file in sample:
        key, actual = _define(hypervisor, file.read_text())
        fields = _adopted(actual)
        text = write_document(
            {
                "apiVersion": "kvmreconcile/v1",
                "kind": "Domain",
                "metadata": {"name": key.name},
                "spec": fields,
            }
        )
        shares.append(len(text.splitlines()) / len(actual.xml.splitlines()))
        spec = make_desired(key.name, {**fields, "adopt": True})

        todo = hypervisor.plan(spec)

        assert [action.verb.name for action in todo.actions] == ["own"], file.name
        assert {c.rule.rpartition("/")[2] for c in todo.actions[0].changes} <= {"alias"}, file.name

        again = _again(hypervisor, actual)
        hypervisor.clear()
        report = hypervisor.apply(spec, hypervisor.plan(spec))
        assert not report.failed, (file.name, report.failed)
        made = hypervisor.observed().objects[key]
        assert isinstance(made, Actual)
        differences = [c.path for c in diff(without_mark(actual.tree), without_mark(made.tree), NAMELESS)]
        if differences and any(diff(actual.tree, again, RULES)):
            unstable.append(f"{file.name}: {', '.join(differences)}")
        else:
            assert not differences, (file.name, differences)
    median = sorted(shares)[len(shares) // 2]
    print(f"\n{len(sample)} adopted: the median spec has {median:.0%} of the XML's lines")
    for line in unstable:
        print(f"  libvirt does not give back its own words for {line}")
    # A setting of a device without a field takes additional lines in its entry.
    assert median <= 0.45


def _adopted(actual: Actual) -> dict[str, Any]:
    """Return the fields of the spec that adopt writes for a domain. This takes long."""
    if actual.xml not in _specs:
        _specs[actual.xml] = KIND.adopt(actual)
    return deepcopy(_specs[actual.xml])


_specs: dict[str, dict[str, Any]] = {}


def _again(hypervisor: Embedded, actual: Actual) -> Node:
    """Return a definition from libvirt after libvirt has stored it a second time."""
    _, again = _define(hypervisor, actual.xml)
    return again.tree


def test_change_of_any_value_is_planned_once(
    hypervisor: Embedded, sample: list[Path], request: pytest.FixtureRequest
) -> None:
    each = MANY_MUTATIONS_EACH if request.config.getoption("--full") else MUTATIONS_EACH
    dice = random.Random(446)
    planned = refused = 0
    for file in sample:
        key, actual = _define(hypervisor, file.read_text())
        spec = make_desired(key.name, {**_adopted(actual), "adopt": True})
        hypervisor.apply(spec, hypervisor.plan(spec))
        remembered = hypervisor.state.applied()[key]
        leaves = list(_leaves(spec.tree))
        for path in dice.sample(leaves, min(each, len(leaves))):
            edited = replace(spec, tree=_mutated(spec.tree, path))

            todo = hypervisor.plan(edited)

            assert any(a.changes for a in todo.actions), (file.name, path)
            planned += 1
            report = hypervisor.apply(edited, todo)
            if any(o.result is Result.FAILED for o in report.outcomes):
                refused += 1
            else:
                assert hypervisor.plan(edited).is_empty, (file.name, path)
            hypervisor.clear()
            hypervisor.define(file.read_text())
            hypervisor.state.put(remembered)
    print(f"\n{planned} leaves changed, each planned; libvirt refused {refused} of the new values")
    assert planned > len(sample) * each / 2
    assert refused < planned * 2 / 3


def test_proposed_definition_is_stored_unchanged_by_libvirt(hypervisor: Embedded, corpus: list[Path]) -> None:
    """libvirt stores the proposed definition unchanged, apart from its additions."""
    for file in corpus:
        key, actual = _define(hypervisor, file.read_text())
        edit = parse(
            f"<domain><name>{key.name}</name><title>edited</title><on_crash>preserve</on_crash></domain>"
        )
        proposed = overlay(actual.tree, edit, RULES)
        try:
            hypervisor.define(to_xml(proposed))
        except HostError as error:
            pytest.fail(f"{file.name}: {error}")
        made = hypervisor.observed().objects[key]
        assert isinstance(made, Actual)
        # Compared with libvirt's output, independently of the code under test.
        assert (made.tree.get("title"), made.tree.get("on_crash")) == ("edited", "preserve"), file.name
        changed = {c.rule for c in diff(actual.tree, made.tree, RULES)}
        again = {c.rule for c in diff(actual.tree, _again(hypervisor, actual), RULES)}
        assert changed - again <= {"title", "on_crash"}, (file.name, changed)


@pytest.mark.case("24")
def test_value_that_libvirt_shows_only_with_secrets_is_a_secret(
    hypervisor: Embedded, corpus: list[Path]
) -> None:
    for file in corpus:
        key, _ = _define(hypervisor, file.read_text())
        domain = hypervisor.connection.virt.lookupByName(key.name)
        said, whole = (parse(domain.XMLDesc(flags)) for flags in (_INACTIVE, _INACTIVE | _SECURE))
        hidden = [change.rule for change in diff(said, whole, RULES)]
        assert not [rule for rule in hidden if not RULES.is_secret(rule)], file.name


_INACTIVE, _SECURE = libvirt.VIR_DOMAIN_XML_INACTIVE, libvirt.VIR_DOMAIN_XML_SECURE
Place = tuple[int | str, ...]


def _leaves(node: Node, place: Place = (), path: str = "") -> Iterator[Place]:
    """Yield the paths of all values in a tree, except the name, which identifies the object."""
    for name, _ in node.attrs:
        if at(path, name) not in RULES.ignored:
            yield (*place, name)
    if node.text and path != "name":
        yield (*place, "")
    for index, child in enumerate(node.children):
        if under(path, child.tag) not in RULES.ignored and not child.tag.startswith("#"):
            yield from _leaves(child, (*place, index), under(path, child.tag))


_PAIRS = (
    "yes no", "on off", "virtio ide", "qcow2 raw", "KiB MiB", "vnc spice", "hd cdrom", "utc localtime", "kvm qemu",
    "destroy restart", "disk lun", "block file", "i686 x86_64", "ich9 ich6", "custom host-model", "piix3-uhci nec-xhci",
    "static auto", "shared private", "open-source closed", "sata scsi", "strict preferred", "vga cirrus", "tablet mouse",
)  # fmt: skip
_OTHER = {a: b for pair in _PAIRS for a, b in (pair.split(), reversed(pair.split()))}


def _mutated(node: Node, place: Place) -> Node:
    head, *rest = place
    if isinstance(head, int):
        child = _mutated(node.children[head], tuple(rest))
        return replace(node, children=(*node.children[:head], child, *node.children[head + 1 :]))
    if head == "":
        return replace(node, text=_other(node.text))
    return replace(node, attrs=tuple((k, _other(v) if k == head else v) for k, v in node.attrs))


def _other(value: str) -> str:
    """Return another value of the same form."""
    if not value:
        return "x"
    if value in _OTHER:
        return _OTHER[value]
    if value.isdecimal():
        return str(int(value) + 1)
    last = value[-1]
    return value[:-1] + (("1" if last != "1" else "2") if last in "0123456789abcdefABCDEF" else f"{last}x")
