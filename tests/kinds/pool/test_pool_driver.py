"""The drivers of pools and volumes on libvirt's test driver, which has neither inactive definitions nor uploads."""

from collections.abc import Iterator

import pytest

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.kinds.pool import KIND as POOL
from kvmreconcile.kinds.volume import KIND as VOLUME
from kvmreconcile.model import Action, Actual, Key, Reason, Unobservable
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect, parse
from tests.mock import OWN

KEY = Key("StoragePool", "images")
ROOT = Key("Volume", "images/root")
XML = "<pool type='dir'><name>images</name><target><path>/images</path></target></pool>"


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connect(OWN) as connection:
        yield connection


def act(connection: Connection, key: Key, verb: str, xml: str = "") -> None:
    kind = POOL if key.kind == "StoragePool" else VOLUME
    action = Action(key, verb_of(verb), Effect.LIVE, Reason.NEW, tree=parse(xml) if xml else None)
    kind.driver().perform(connection, action)


def seen(connection: Connection) -> Actual:
    found = POOL.driver().observe(connection, {"images"}).objects[KEY]
    assert isinstance(found, Actual)
    return found


def test_pool_verbs_can_be_repeated(connection: Connection) -> None:
    act(connection, KEY, "create", XML)
    assert (seen(connection).active, seen(connection).autostart) == (False, False)
    for verb in ("start", "start", "autostart", "restart"):
        act(connection, KEY, verb)
    assert (seen(connection).active, seen(connection).autostart) == (True, True)
    for verb in ("stop", "stop", "no-autostart"):
        act(connection, KEY, verb)
    assert (seen(connection).active, seen(connection).autostart) == (False, False)
    for verb in ("remove", "remove"):
        act(connection, KEY, verb)
    assert POOL.driver().observe(connection, {"images"}).objects == {}


def test_pool_is_restored_if_replacing_fails(connection: Connection) -> None:
    act(connection, KEY, "create", XML)
    for verb in ("start", "autostart"):
        act(connection, KEY, verb)
    uuid = seen(connection).uuid

    with pytest.raises(HostError):
        act(connection, KEY, "replace", "<pool type='none'><name>images</name></pool>")

    assert (seen(connection).uuid, seen(connection).active, seen(connection).autostart) == (uuid, True, True)


def test_all_pools_are_observed_unless_names_are_given(connection: Connection) -> None:
    act(connection, KEY, "create", XML)

    everything = POOL.driver().observe(connection)

    assert {k.name for k in everything.objects} >= {"images", "default-pool"}
    assert everything.unobservable == ()
    assert POOL.driver().observe(connection, {"none"}).objects == {}


def test_volume_verbs_can_be_repeated(connection: Connection) -> None:
    act(connection, KEY, "create", XML)
    act(connection, KEY, "start")
    act(
        connection,
        ROOT,
        "create",
        "<volume pool='images'><name>root</name><capacity>4096</capacity></volume>",
    )

    found = VOLUME.driver().observe(connection, {"images/root"}).objects[ROOT]

    assert isinstance(found, Actual)
    assert (found.tree.attr("pool"), found.tree.get("capacity"), found.uuid) == ("images", "4096", "")
    act(connection, ROOT, "remove")
    act(connection, ROOT, "remove")
    assert VOLUME.driver().observe(connection).objects.get(ROOT) is None


def test_volumes_of_inactive_pool_are_unobservable(connection: Connection) -> None:
    act(connection, KEY, "create", XML)

    unobservable = VOLUME.driver().observe(connection).unobservable

    assert unobservable == (
        Unobservable("Volume/images/", "the storage pool images is not active", until=KEY),
    )


def test_libvirt_refusal_names_the_object(connection: Connection) -> None:
    with pytest.raises(HostError, match=r"^StoragePool/images: "):
        act(connection, KEY, "start")
    with pytest.raises(HostError, match=r"^Volume/images/root: "):
        act(connection, ROOT, "create", "<volume><name>root</name><capacity>1</capacity></volume>")
