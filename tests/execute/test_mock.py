"""The executor with the kinds as they are, on libvirt's own mock of a host."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Actual, Key, Plan, Report
from kvmreconcile.plan import Overrides
from kvmreconcile.reconcile import Site
from kvmreconcile.settings import Settings
from kvmreconcile.source.load import load
from kvmreconcile.state import State

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
KNOWN = {kind.name: kind for kind in KINDS}
POOL, NET = Key("StoragePool", "images"), Key("Network", "lab")
VOLUMES = tuple(Key("Volume", f"images/v{number}") for number in range(5))


def document(kind: str, name: str, spec: str) -> str:
    return f"---\napiVersion: kvmreconcile/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A host without anything on it; a mock made from a file of its own is shared with no other test."""
    empty = tmp_path / "empty.xml"
    empty.write_text("<node/>")
    specs = tmp_path / "specs.yaml"
    volumes = "".join(
        document("Volume", f"v{n}", "{pool: images, capacity: 1MiB, format: raw}")
        for n in range(len(VOLUMES))
    )
    specs.write_text(
        document("Network", "lab", "{mode: isolated}")
        + document("StoragePool", "images", f"{{path: {tmp_path}/images}}")
        + volumes
    )
    with connect(f"test://{empty}") as connection:
        state = State.open(tmp_path / "state")
        yield Site(Settings(specs=specs), KNOWN, connection, state)
        state.close()


def planned(site: Site) -> Plan:
    loaded = load([site.settings.specs], KNOWN, site.settings.instance)
    assert loaded.problems == ()
    return site.plan(site.look(loaded, NOW), Overrides())


def apply(site: Site) -> Report:
    world = site.look(load([site.settings.specs], KNOWN, site.settings.instance), NOW)
    return site.execute(site.plan(world, Overrides()), world, SilentReporter())


@pytest.mark.case("11b")
def test_with_a_volume_that_changed_its_pool_is_looked_at_as_less_is_left_in_it(site: Site) -> None:
    apply(site)
    loaded = load([site.settings.specs], KNOWN, site.settings.instance)

    def left(at: Collection[Key] | None) -> int | None:
        pool = site.look(loaded, NOW, at).observed.actual(POOL)
        assert pool is not None
        return pool.available

    before = left(None)
    volume = site.connection.virt.storagePoolLookupByName("images").storageVolLookupByName("v1")
    volume.delete(0)

    assert before is not None
    assert left([NET]) == before
    assert left([VOLUMES[1]]) == before + (1 << 20)


def test_a_whole_host_is_made_in_one_pass_and_then_nothing_is_left(site: Site) -> None:
    report = apply(site)

    assert report.failed == ()
    assert set(site.state.applied()) == {NET, POOL, *VOLUMES}
    assert all(applied.complete for applied in site.state.applied().values())
    assert planned(site).is_empty
    assert planned(site).records == ()


def test_volumes_are_not_made_anew_though_state_is_lost_and_their_pool_stopped(site: Site) -> None:
    apply(site)
    for key in site.state.applied():
        site.state.forget(key)
    site.connection.virt.storagePoolLookupByName("images").destroy()
    stopped = planned(site)
    assert [a.verb.name for a in stopped.actions if a.key in VOLUMES] == ["create"] * len(VOLUMES)

    apply(site)
    second = planned(site)

    assert second.is_empty
    assert set(second.records) == set(VOLUMES)
    seen = KNOWN["Volume"].driver().observe(site.connection).objects
    assert all(isinstance(seen[key], Actual) for key in VOLUMES)
    assert not set(VOLUMES) & set(site.state.applied())


def say(site: Site, spec: str) -> None:
    site.settings.specs.write_text(document("Network", "lab", spec))


@pytest.mark.parametrize("max_effect", ["next-boot", "restart"])
def test_what_the_mock_does_not_store_of_a_running_network_restarts_it_once_at_most(
    site: Site, max_effect: str
) -> None:
    """It drops a definition of an active network without a word, also at its next start (measured, 9.0.0)."""
    update = f"update: {{maxEffect: {max_effect}}}"
    restarts = 0
    for spec in ("mode: isolated, mtu: 1400", "mode: isolated", "mode: isolated, domain: {name: a.test}"):
        say(site, f"{{{spec}, {update}}}")
        for _ in range(3):
            report = apply(site)
            assert report.failed == ()
            restarts += sum(o.action.verb.name == "restart" for o in report.outcomes)

        left = planned(site)
        assert left.actions == ()
        assert left.pending == {}
        assert site.state.applied()[NET].pending == ()
    assert restarts <= 2
