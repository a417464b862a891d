"""Refreshes of libvirt's list of a store: when a refresh is needed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from kvmreconcile.host.endpoint import LIBVIRT, Endpoints
from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Actual, Key, Observation, Unknown, Unobservable
from kvmreconcile.session.observe import Observer

A, B = Key("Volume", "p/a"), Key("Volume", "p/b")
XML = "<volume><name>a</name><target><format type='{}'/><timestamps><atime>{}</atime></timestamps></target></volume>"

pytestmark = pytest.mark.case("47")


@dataclass
class Store:
    """The driver of a kind with one store, "p". Not all files in the store are in its list."""

    files: dict[str, str] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    state: object = None
    fault: str = ""
    deactivates: bool = False
    refreshed: int = 0

    def observe(self, _connection: Any, names: Collection[str] | None = None) -> Observation:
        found = {name: xml for name, xml in self.listed.items() if names is None or name in names}
        unobservable = (
            (Unobservable("Volume/p/", "it is not active"),) if self.deactivates and self.refreshed else ()
        )
        return Observation(
            {(k := Key("Volume", n)): Actual(k, "", xml) for n, xml in found.items()}, unobservable
        )

    def unlisted(self, _connection: Any, names: Collection[str]) -> Mapping[str, Any]:
        return {name: self.state for name in names if name not in self.listed}

    def refresh(self, _connection: Any, names: Collection[str]) -> Mapping[str, str]:
        self.refreshed += 1
        if self.fault:
            return dict.fromkeys(names, self.fault)
        self.listed = dict(self.files)
        return {}


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def observer(store: Store) -> Observer:
    kind = next(kind for kind in KINDS if kind.name == "Volume")
    pool = next(kind for kind in KINDS if kind.name == "StoragePool")
    empty = Store()
    return Observer(
        {
            # The tests check when a refresh happens, not the calls of libvirt.
            "Volume": replace(kind, driver=lambda: store),  # type: ignore[arg-type, return-value]
            "StoragePool": replace(pool, driver=lambda: empty),  # type: ignore[arg-type, return-value]
        },
        Endpoints({LIBVIRT: object()}),
    )


def test_absent_object_refreshes_its_store_once_per_full_observation(
    store: Store, observer: Observer
) -> None:
    observer.all()
    for _ in range(2):
        assert observer.confirmed({A}).objects == {}
    observer.again({A})
    observer.confirmed({A})
    assert store.refreshed == 1

    observer.all()
    observer.confirmed({A, B})

    assert store.refreshed == 2


def test_store_with_unchanged_state_is_not_refreshed_again(store: Store, observer: Observer) -> None:
    store.state = 1
    for _ in range(2):
        observer.all()
        observer.confirmed({A})
    assert store.refreshed == 1

    store.state = 2
    store.files["p/a"] = XML.format("raw", 1)
    observer.all()

    assert A in observer.confirmed({A}).objects
    assert store.refreshed == 2


def test_object_that_may_have_changed_is_refreshed_again(store: Store, observer: Observer) -> None:
    store.state = 1
    observer.all()
    observer.confirmed({A})
    store.files["p/a"] = XML.format("raw", 1)
    assert A not in observer.confirmed({A}).objects

    observer.mark_stale({A})

    assert A in observer.confirmed({A}).objects


def test_existing_object_is_confirmed_until_its_definition_changes(store: Store, observer: Observer) -> None:
    store.listed["p/a"] = XML.format("raw", 1)
    store.files["p/a"] = XML.format("qcow2", 1)
    observer.all()
    assert "qcow2" in observer.confirmed({A}).actual(A).xml  # type: ignore[union-attr]

    store.listed["p/a"] = XML.format("qcow2", 2)
    observer.all()
    observer.confirmed({A})
    assert store.refreshed == 1

    store.listed["p/a"] = XML.format("raw", 2)
    observer.all()
    observer.confirmed({A})
    assert store.refreshed == 2


def test_objects_are_unknown_until_their_store_can_be_refreshed(store: Store, observer: Observer) -> None:
    store.fault = "a job is running"
    store.state = 1
    store.listed["p/b"] = XML.format("raw", 1)
    observer.all()

    seen = observer.confirmed({A, B})

    why = "its pool could not be refreshed: a job is running"
    assert seen.objects == {A: Unknown(A, why), B: Unknown(B, why)}
    observer.again({Key("Volume", "p/other")})
    assert A in observer.confirmed({A}).objects, "it is still not known to be absent"
    store.fault = ""
    observer.again(())
    assert observer.confirmed({A}).objects == {}


def test_objects_of_store_deactivated_by_refresh_are_unobservable_with_reason(
    store: Store, observer: Observer
) -> None:
    store.fault, store.deactivates = "no such directory", True
    observer.all()

    seen = observer.confirmed({A})

    assert seen.objects == {}
    assert seen.unobservable[0].why == "it is not active; refreshing the pool failed: no such directory"
