"""Test that a reference to a missing object is reported at its line and column."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Observation, World
from kvmreconcile.plan import ComparisonCache
from kvmreconcile.plan.order.needs import find_needs
from kvmreconcile.source.load import load

BY_NAME = {kind.name: kind for kind in KINDS}
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
GUEST = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n  memory: 1GiB\n"
VOLUME = "apiVersion: kvmreconcile/v1\nkind: Volume\nmetadata: {name: root}\nspec:\n  capacity: 1GiB\n"
IN_XML = """\
  xml: |
    <domain><devices>
      <!-- outside -->
      <interface type='network'>
        <source network='wan'/>
      </interface>
    </devices></domain>
"""
MISSING = (
    ("network", f"{GUEST}  interfaces:\n    - {{name: lan, network: lan}}\n", ["7:28 Network/lan"]),
    (
        "network_named_like_another_interface",
        f"{GUEST}  interfaces: [{{name: dmz, bridge: br0}}, {{name: lan, network: dmz}}]\n",
        ["6:63 Network/dmz"],
    ),
    (
        "volume_and_its_pool",
        f"{GUEST}  disks:\n    - name: root\n      volume:\n        pool: fast\n        name: root\n",
        ["9:15 StoragePool/fast", "10:15 Volume/fast/root"],
    ),
    (
        "volume_of_one_name_in_two_pools",
        f"{GUEST}  disks:\n    - {{name: a, volume: {{pool: p, name: v}}}}\n    - {{name: b, volume: {{pool: q, name: v}}}}\n",
        ["7:32 StoragePool/p", "8:32 StoragePool/q", "7:41 Volume/p/v", "8:41 Volume/q/v"],
    ),
    (
        "beside_fields_that_are_empty",
        f"{GUEST}  xml:\n  ready:\n  interfaces:\n    - {{name: lan, network: lan, mac: }}\n",
        ["9:28 Network/lan"],
    ),
    ("guest_of_start_after", f"{GUEST}  startAfter: [web, db]\n", ["6:21 Domain/db"]),
    ("pool_of_a_volume", f"{VOLUME}  pool: fast\n", ["6:9 StoragePool/fast"]),
    (
        "backing_volume_of_the_same_pool",
        f"{VOLUME}  pool: fast\n  backing: {{volume: base}}\n",
        ["6:9 StoragePool/fast", "7:21 Volume/fast/base"],
    ),
    (
        "backing_volume_of_another_pool",
        f"{VOLUME}  pool: fast\n  backing: {{volume: slow/base}}\n",
        ["6:9 StoragePool/fast", "7:21 Volume/slow/base"],
    ),
    (
        "by_way_of_an_alias",
        f"{GUEST}  title: &name lan\n  interfaces: [{{name: lan, network: *name}}]\n",
        ["6:10 Network/lan"],
    ),
    (
        "in_xml",
        f"{GUEST}{IN_XML}",
        ["10:5 Network/wan"],
    ),
    (
        "in_xml_on_one_line",
        f'{GUEST}  xml: "<domain><devices><interface><source network=\'wan\'/></interface></devices></domain>"\n',
        ["6:8 Network/wan"],
    ),
)  # fmt: skip


@pytest.mark.parametrize(("text", "reported"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
def test_missing_reference_is_reported_at_its_place(tmp_path: Path, text: str, reported: list[str]) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    loaded = load([tmp_path], BY_NAME, "lab")
    assert not loaded.problems

    needs = find_needs(
        World("lab", "kvm1", NOW, loaded.desired, Observation(), {}), BY_NAME, ComparisonCache()
    )

    (key,) = loaded.desired
    assert [str(p).partition(", which")[0] for p in needs.problems] == [
        f"{tmp_path}/spec.yaml:{where}: {key} refers to {target}"
        for where, target in map(str.split, reported)
    ]


def test_cycle_is_reported_at_the_first_reference(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        text = GUEST.replace("web", name) + f"  startAfter: [{other}]\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    loaded = load([tmp_path], BY_NAME, "lab")

    needs = find_needs(
        World("lab", "kvm1", NOW, loaded.desired, Observation(), {}), BY_NAME, ComparisonCache()
    )

    assert [p.where for p in needs.problems] == [f"{tmp_path}/a.yaml:6:16"]
