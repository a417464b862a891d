"""The executor with the real kinds, on libvirt's test driver."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Actual, Key, Plan, Report
from kvmreconcile.plan import Overrides
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.load import load
from kvmreconcile.state import State

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
KNOWN = {kind.name: kind for kind in KINDS}
POOL, NET = Key("StoragePool", "images"), Key("Network", "lab")
VOLUMES = tuple(Key("Volume", f"images/v{number}") for number in range(5))


def document(kind: str, name: str, spec: str) -> str:
    return f"---\napiVersion: kvmreconcile/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An empty host; a mock with a file of its own is shared with no other test."""
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
        yield Session(Settings(specs=specs), KNOWN, connection, state)
        state.close()


def planned(session: Session) -> Plan:
    loaded = load([session.settings.specs], KNOWN, session.settings.instance)
    assert loaded.problems == ()
    return session.plan(session.observe(loaded, NOW), Overrides())


def apply(session: Session) -> Report:
    world = session.observe(load([session.settings.specs], KNOWN, session.settings.instance), NOW)
    return session.execute(session.plan(world, Overrides()), world, SilentReporter())


@pytest.mark.case("11b")
def test_pool_is_observed_again_when_a_volume_changed_its_free_space(session: Session) -> None:
    apply(session)
    loaded = load([session.settings.specs], KNOWN, session.settings.instance)

    def left(at: Collection[Key] | None) -> int | None:
        pool = session.observe(loaded, NOW, at).observed.actual(POOL)
        assert pool is not None
        return pool.available

    before = left(None)
    volume = session.connection.virt.storagePoolLookupByName("images").storageVolLookupByName("v1")
    volume.delete(0)

    assert before is not None
    assert left([NET]) == before
    assert left([VOLUMES[1]]) == before + (1 << 20)


def test_whole_host_is_created_in_one_pass_and_then_in_sync(session: Session) -> None:
    report = apply(session)

    assert report.failed == ()
    assert set(session.state.applied()) == {NET, POOL, *VOLUMES}
    assert all(applied.complete for applied in session.state.applied().values())
    assert planned(session).is_empty
    assert planned(session).records == ()


def test_volumes_of_a_stopped_pool_are_not_recreated_after_loss_of_the_state(session: Session) -> None:
    apply(session)
    for key in session.state.applied():
        session.state.forget(key)
    session.connection.virt.storagePoolLookupByName("images").destroy()
    stopped = planned(session)
    assert [a.verb.name for a in stopped.actions if a.key in VOLUMES] == ["create"] * len(VOLUMES)

    apply(session)
    second = planned(session)

    assert second.is_empty
    assert set(second.records) == set(VOLUMES)
    seen = KNOWN["Volume"].driver().observe(session.connection).objects
    assert all(isinstance(seen[key], Actual) for key in VOLUMES)
    assert not set(VOLUMES) & set(session.state.applied())


def say(session: Session, spec: str) -> None:
    session.settings.specs.write_text(document("Network", "lab", spec))


@pytest.mark.parametrize("max_effect", ["next-boot", "restart"])
def test_value_that_libvirt_does_not_store_restarts_a_network_at_most_once(
    session: Session, max_effect: str
) -> None:
    """libvirt silently drops the new definition of an active network, also at its next start (measured, 9.0.0)."""
    update = f"update: {{maxEffect: {max_effect}}}"
    restarts = 0
    for spec in ("mode: isolated, mtu: 1400", "mode: isolated", "mode: isolated, domain: {name: a.test}"):
        say(session, f"{{{spec}, {update}}}")
        for _ in range(3):
            report = apply(session)
            assert report.failed == ()
            restarts += sum(o.action.verb.name == "restart" for o in report.outcomes)

        left = planned(session)
        assert left.actions == ()
        assert left.pending == {}
        assert session.state.applied()[NET].pending == ()
    assert restarts <= 2
