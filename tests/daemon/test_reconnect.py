"""Of libvirt's daemons, each serving a kind, one dies: what becomes of its objects, of the others, and when it is back."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from queue import Queue

import libvirt
import pytest

from kvmreconcile.daemon import worker as module
from kvmreconcile.daemon.service import Service
from kvmreconcile.errors import Unavailable
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.events import subscribe
from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import events_of
from kvmreconcile.model import Key
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import State
from tests.waiting import wait_until

EVENTS = events_of({kind.name: kind for kind in KINDS})

WITHIN_S = 30.0
SPECS = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: lab}
spec: {}
---
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {name: images}
spec: {path: /srv/images}
"""
DOMAIN = "<domain type='test'><name>rung</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def broken(*_arguments: object) -> object:
    # As virtqemud passes it on once its own connection to virtnetworkd is gone.
    error = libvirt.libvirtError("the call")
    error.err = (
        libvirt.VIR_ERR_INTERNAL_ERROR,
        libvirt.VIR_FROM_RPC,
        "client socket is closed",
        2,
        "",
        None,
        None,
        0,
        0,
    )
    raise error


class Worn:
    """libvirt's connection, behind which the daemon of networks is lost: what asks it fails, all else works."""

    def __init__(self, virt: libvirt.virConnect, broken_calls: frozenset[str]) -> None:
        self._virt = virt
        self._broken_calls = broken_calls

    def __getattr__(self, name: str) -> object:
        return broken if name in self._broken_calls else getattr(self._virt, name)


class Host:
    """Makes connections that are worn as long as it is said so."""

    def __init__(self) -> None:
        self.made = 0
        self.is_worn = True

    def connect(self, uri: str) -> Connection:
        self.made += 1
        connection = connect(uri)
        if self.is_worn:
            connection.virt = Worn(connection.virt, frozenset({"listAllNetworks", "networkLookupByName"}))  # type: ignore[assignment]
        return connection


def test_lost_daemon_of_one_kind_hides_that_kind_and_a_new_connection_finds_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host()
    monkeypatch.setattr(module, "connect", host.connect)
    (tmp_path / "specs.yaml").write_text(SPECS)
    settings = Settings(connect="test:///default", state=tmp_path / "state", specs=tmp_path / "specs.yaml")

    def look(service: Service) -> None:
        def hidden() -> list[str]:
            return [unobservable.prefix for unobservable in service._latest_status.status.unobservable]

        try:
            with connect("test:///default") as other:
                wait_until(lambda: "images" in names(other.virt.listAllStoragePools()), "pools are made")
                assert hidden() == ["Network/"]
                assert "lab" not in names(other.virt.listAllNetworks())
                wait_until(lambda: host.made > 2, "it is tried again and again")
                host.is_worn = False
                wait_until(lambda: "lab" in names(other.virt.listAllNetworks()), "networks are made")
                wait_until(lambda: not hidden(), "nothing is hidden any more")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with closing(State.open(settings.state)) as state, ThreadPoolExecutor(1) as pool:
        service = Service(settings, [], known_kinds(), state)
        planned = pool.submit(look, service)
        assert service.run()
        planned.result()


def test_events_of_the_others_ring_while_one_daemon_is_lost() -> None:
    rung: Queue[Key] = Queue()
    with connect("test:///default") as connection, connect("test:///default") as other:
        connection.virt = Worn(connection.virt, frozenset({"networkEventRegisterAny"}))  # type: ignore[assignment]
        subscription = subscribe(connection, rung.put, EVENTS)

        assert subscription.unreachable_kinds == {"Network"}
        other.virt.defineXML(DOMAIN).undefine()
        assert rung.get(timeout=WITHIN_S) == Key("Domain", "rung")
        subscription.cancel()


def test_connection_that_is_lost_itself_hears_of_nothing() -> None:
    with connect("test:///default") as connection:
        connection.virt = Worn(connection.virt, frozenset({"networkEventRegisterAny", "getLibVersion"}))  # type: ignore[assignment]

        with pytest.raises(Unavailable):
            subscribe(connection, print, EVENTS)


def names(objects: list[libvirt.virNetwork] | list[libvirt.virStoragePool]) -> set[str]:
    return {each.name() for each in objects}
