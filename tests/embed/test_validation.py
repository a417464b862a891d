"""Definitions that libvirt's embedded driver rejects are held, unless this machine may be the cause."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kvmreconcile.host.oracle import Oracle
from kvmreconcile.model import Key
from kvmreconcile.plan import Overrides, plan
from kvmreconcile.session import validation as module
from kvmreconcile.session.validation import Validation, Validations
from tests.plan.test_conflicting_specs import BY_NAME, made_up

GUEST = "---\napiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {{name: {name}}}\nspec: {{type: {type}, memory: 64MiB, {spec}}}\n"


@dataclass
class CountedOracle:
    """libvirt's driver with a count of the requests."""

    oracle: Oracle
    questions: list[str] = field(default_factory=list)

    def canonical(self, xml: str, *, validate: bool = False) -> str:
        """Return a definition as libvirt stores it."""
        self.questions.append(xml)
        return self.oracle.canonical(xml, validate=validate)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as oracle:
        yield oracle


def guest(name: str, spec: str = "state: stopped", kind: str = "qemu") -> str:
    return GUEST.format(name=name, spec=spec, type=kind)


def said(validations: Validations, tmp_path: Path, specs: list[str]) -> dict[Key, Validation]:
    """Return the validation results for the specs on an empty host."""
    world = made_up(tmp_path, specs)
    return validations.validate_plan(plan(world, BY_NAME, Overrides()), world, BY_NAME)


REFUSED = [
    pytest.param(
        "machine: q35, controllers: [{type: ide, index: 0}]",
        "IDE",
        id="38a-controller",
        marks=pytest.mark.case("38a"),
    ),
    pytest.param("machine: pc, iommu: {model: intel}", "IOMMU", id="iommu"),
    pytest.param("disks: [{name: a, bus: sd}]", "sd", id="sd"),
    pytest.param("disks: [{name: a}]", "source", id="no-source"),
    pytest.param("xml: '<domain><nonsense/></domain>'", "schema", id="schema"),
]


@pytest.mark.case("38")
@pytest.mark.parametrize(("spec", "why"), REFUSED)
def test_definition_that_libvirt_rejects_is_refused(
    oracle: Oracle, tmp_path: Path, spec: str, why: str
) -> None:
    validations = said(Validations(lambda: oracle), tmp_path, [guest("one", spec), guest("two")])

    assert validations[Key("Domain", "two")].refused == ""
    assert re.search(why, validations[Key("Domain", "one")].refused)


def test_secret_that_libvirt_quotes_is_masked(oracle: Oracle, tmp_path: Path) -> None:
    spec = 'xml: \'<domain><devices><graphics type="vnc" passwdValidTo="hunter2" passwd="hunter2"/></devices></domain>\''

    validation = said(Validations(lambda: oracle), tmp_path, [guest("one", f"checkSchema: false, {spec}")])

    assert "hunter2" not in str(validation)
    assert "(secret)" in validation[Key("Domain", "one")].refused


def test_rejection_caused_by_the_machine_is_unknown(oracle: Oracle, tmp_path: Path) -> None:
    specs = [
        guest("emulator", "emulator: /nowhere/qemu"),
        guest("machine", "machine: pc-q35-99.0"),
    ]

    validations = said(Validations(lambda: oracle), tmp_path, specs)

    assert [v.refused for v in validations.values()] == ["", ""]
    assert all(
        v.unknown.startswith("libvirt on this machine rejects the guest's type, ")
        for v in validations.values()
    )


@pytest.mark.parametrize("kind", ["kvm", "hvf"])
def test_guest_type_that_the_machine_lacks_is_validated_as_emulated(
    oracle: Oracle, tmp_path: Path, kind: str
) -> None:
    specs = [
        guest("good", kind=kind),
        guest("bad", "controllers: [{type: ide, index: 0}], machine: q35", kind),
    ]

    validations = said(Validations(lambda: oracle), tmp_path, specs)

    assert validations[Key("Domain", "good")] == Validation()
    assert "IDE" in validations[Key("Domain", "bad")].refused


def test_definitions_that_differ_only_in_names_are_validated_once(oracle: Oracle, tmp_path: Path) -> None:
    asked = CountedOracle(oracle)
    spec = "disks: [{{name: root, file: /i/{0}.img}}], interfaces: [{{network: lan, mac: '52:54:00:00:00:0{0}'}}]"
    specs = [guest(f"g{n}", spec.format(n)) for n in range(8)]
    lan = "---\napiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec: {mode: isolated}\n"
    validations = Validations(lambda: asked)

    first = said(validations, tmp_path, [*specs, lan])
    second = said(validations, tmp_path, [*specs, lan])

    assert len(first) == 8
    assert first == second
    assert len(asked.questions) == 1


def test_definitions_that_differ_only_in_memory_are_validated_once(oracle: Oracle, tmp_path: Path) -> None:
    asked = CountedOracle(oracle)
    specs = [guest(f"g{n}").replace("64MiB", f"{64 + n}MiB") for n in range(8)]
    numa = "cpu: {numa: [{id: 0, cpus: '0', memory: 64MiB}]}, vcpus: 1"
    other = [
        guest(f"numa{n}", numa.replace("64", str(64 + n))).replace("64MiB, ", f"{64 + n}MiB, ", 1)
        for n in range(2)
    ]

    validations = said(Validations(lambda: asked), tmp_path, [*specs, *other])

    assert set(validations.values()) == {Validation()}
    assert len(asked.questions) == 3


@pytest.mark.case("38")
def test_number_of_validated_definitions_is_limited(
    oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_LEAST", 2)
    asked = CountedOracle(oracle)
    specs = [guest(f"g{n}", f"state: stopped, vcpus: {n + 1}") for n in range(5)]
    world = made_up(tmp_path, specs)

    validations = Validations(lambda: asked).validate_plan(
        plan(world, BY_NAME, Overrides()), world, BY_NAME, within_s=0.0
    )

    assert len(asked.questions) == 2
    assert [v.unknown for v in validations.values()] == [
        "",
        "",
        *(["skipped: too many changed definitions"] * 3),
    ]


def test_fixed_guest_is_validated_again_without_affecting_similar_ones(
    oracle: Oracle, tmp_path: Path
) -> None:
    spec = (
        'xml: \'<domain><devices><interface type="user"><mac address="{}"/></interface></devices></domain>\''
    )
    validations = Validations(lambda: oracle)
    bad, good = (
        guest("bad", spec.format("52:54:00:zz:00:01")),
        guest("good", spec.format("52:54:00:00:00:01")),
    )

    first = said(validations, tmp_path, [bad, good])
    mended = said(validations, tmp_path, [bad.replace("zz", "aa"), good])

    assert first[Key("Domain", "bad")].refused
    assert first[Key("Domain", "good")] == Validation()
    assert set(mended.values()) == {Validation()}


def test_refused_guest_is_validated_again_after_one_minute(oracle: Oracle, tmp_path: Path) -> None:
    asked, now_s = CountedOracle(oracle), [0.0]
    validations = Validations(lambda: asked, clock=lambda: now_s[0])
    specs = [guest("one", "machine: pc, iommu: {model: intel}")]

    said(validations, tmp_path, specs)
    once = len(asked.questions)
    said(validations, tmp_path, specs)
    again = len(asked.questions)
    now_s[0] += 61
    said(validations, tmp_path, specs)

    assert once == again
    assert len(asked.questions) == 2 * once


def test_unchanged_host_needs_no_validation(tmp_path: Path) -> None:
    def fail_if_called() -> Oracle:
        raise AssertionError

    lan = "---\napiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec: {mode: isolated}\n"

    assert said(Validations(fail_if_called), tmp_path, [lan]) == {}


def test_idle_helper_ends_and_restarts_on_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvmreconcile.host.oracle._IDLE_S", 0.2)
    uuid = "<uuid>11111111-0008-0000-0000-000000000008</uuid>"
    xml = f"<domain type='qemu'><name>a</name>{uuid}<memory>65536</memory><os><type>hvm</type></os></domain>"
    with Oracle() as oracle:
        first = oracle.canonical(xml)
        until = time.monotonic() + 30
        while oracle.is_running and time.monotonic() < until:
            time.sleep(0.05)
        assert not oracle.is_running

        assert oracle.canonical(xml) == first
