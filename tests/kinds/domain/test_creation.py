"""Creation defaults of a new domain: only what every host accepts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Observation, Plan, World
from kvmreconcile.plan import plan
from kvmreconcile.source.load import load
from kvmreconcile.tree import Node
from tests.first_seen import LONG

BY_NAME = {kind.name: kind for kind in KINDS}
DOCUMENT = "apiVersion: kvmreconcile/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
PLAIN = "type: qemu, state: stopped, memory: 64MiB"


def planned(tmp_path: Path, *documents: str) -> Plan:
    """Return the plan for an empty host."""
    file = tmp_path / "specs.yaml"
    file.write_text("---\n".join(documents))
    loaded = load([file], BY_NAME, "test")
    assert loaded.problems == ()
    now = datetime(2026, 11, 30, tzinfo=UTC)
    return plan(World("test", "here", now, loaded.desired, Observation(), {}, first_seen=LONG), BY_NAME)


def created(tmp_path: Path, spec: str, *others: str) -> Node:
    """Return the definition of a new domain with a spec."""
    made = planned(tmp_path, DOCUMENT.format(kind="Domain", name="new", spec=f"{PLAIN}, {spec}"), *others)
    tree = next(action.tree for action in made.actions if str(action.key) == "Domain/new")
    assert tree is not None
    return tree


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        pytest.param(
            "machine: pc, disks: [{name: f, device: floppy}]",
            {"devices/disk/target/@bus": "fdc", "devices/disk/target/@dev": "fda"},
            marks=pytest.mark.case("38h"),
            id="floppy drive without a target",
        ),
        pytest.param(
            "tpm: {}",
            {"devices/tpm/backend/@version": "2.0"},
            marks=pytest.mark.case("38j"),
            id="TPM without a version",
        ),
        pytest.param(
            "arch: aarch64, machine: virt, cpu: {mode: custom, model: cortex-a57}",
            {"features/acpi": None, "os/@firmware": None},
            marks=pytest.mark.case("38i"),
            id="Arm without UEFI",
        ),
        pytest.param(
            "arch: aarch64, machine: virt, firmware: efi",
            {"features/acpi": "", "os/@firmware": "efi"},
            marks=pytest.mark.case("38i"),
            id="Arm with UEFI",
        ),
    ],
)
def test_new_domain_gets_only_defaults_that_fit_its_spec(
    tmp_path: Path, spec: str, values: dict[str, str | None]
) -> None:
    tree = created(tmp_path, spec)

    assert {path: tree.get(path) for path in values} == values


@pytest.mark.case("38k")
@pytest.mark.parametrize("name", ["install.iso", "install"])
def test_disk_on_an_iso_image_has_the_format_raw(tmp_path: Path, name: str) -> None:
    others = [
        DOCUMENT.format(kind="StoragePool", name="images", spec="path: /srv/images"),
        DOCUMENT.format(
            kind="Volume",
            name=name,
            spec="pool: images, capacity: 1MiB" + ("" if name.endswith(".iso") else ", format: iso"),
        ),
    ]

    tree = created(tmp_path, f"disks: [{{name: cd, volume: {{pool: images, name: {name}}}}}]", *others)

    assert tree.get("devices/disk/driver/@type") == "raw"


@pytest.mark.case("38k")
@pytest.mark.parametrize(
    ("pool", "read_as"), [("path: /srv/images", "qcow2"), ("type: logical, path: /dev/vg", "raw")]
)
def test_disk_on_a_new_volume_has_the_format_of_the_volume(tmp_path: Path, pool: str, read_as: str) -> None:
    others = [
        DOCUMENT.format(kind="StoragePool", name="images", spec=pool),
        DOCUMENT.format(kind="Volume", name="root", spec="pool: images, capacity: 1MiB"),
    ]

    tree = created(tmp_path, "disks: [{name: root, volume: {pool: images, name: root}}]", *others)

    assert tree.get("devices/disk/driver/@type") == read_as


@pytest.mark.case("38c")
def test_boot_orders_in_both_device_and_os_are_rejected(tmp_path: Path) -> None:
    find_problems = BY_NAME["Domain"].find_problems
    order, boot = "disks: [{name: a, file: /a.raw, bootOrder: 1}]", "boot: {order: [hd]}"

    assert not list(find_problems(created(tmp_path, order)))
    assert not list(find_problems(created(tmp_path, boot)))
    (loaded,) = load([_both(tmp_path, order, boot)], BY_NAME, "test").problems
    assert "cannot be combined" in loaded.what


def _both(tmp_path: Path, *specs: str) -> Path:
    file = tmp_path / "both.yaml"
    file.write_text(DOCUMENT.format(kind="Domain", name="new", spec=", ".join((PLAIN, *specs))))
    return file
