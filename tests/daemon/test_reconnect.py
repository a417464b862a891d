"""One of libvirt's daemons, each of which serves a kind, exits and is restarted."""

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
DOMAIN = "<domain type='test'><name>new</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def fail(*_arguments: object) -> object:
    # The error that virtqemud returns after its own connection to virtnetworkd is lost.
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


class PartlyBroken:
    """A libvirt connection whose network daemon is lost: calls for networks fail, all others work."""

    def __init__(self, virt: libvirt.virConnect, broken_calls: frozenset[str]) -> None:
        self._virt = virt
        self._broken_calls = broken_calls

    def __getattr__(self, name: str) -> object:
        return fail if name in self._broken_calls else getattr(self._virt, name)


class Host:
    """Opens connections that are partly broken while `is_broken` is set."""

    def __init__(self) -> None:
        self.connections = 0
        self.is_broken = True

    def connect(self, uri: str) -> Connection:
        self.connections += 1
        connection = connect(uri)
        if self.is_broken:
            connection.virt = PartlyBroken(
                connection.virt, frozenset({"listAllNetworks", "networkLookupByName"})
            )  # type: ignore[assignment]
        return connection


def test_kind_is_unobservable_until_reconnect_after_its_libvirt_daemon_exits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host()
    monkeypatch.setattr(module, "connect", host.connect)
    (tmp_path / "specs.yaml").write_text(SPECS)
    settings = Settings(connect="test:///default", state=tmp_path / "state", specs=tmp_path / "specs.yaml")

    def check(service: Service) -> None:
        def unobservable_prefixes() -> list[str]:
            return [unobservable.prefix for unobservable in service._latest_status.status.unobservable]

        try:
            with connect("test:///default") as other:
                wait_until(lambda: "images" in names(other.virt.listAllStoragePools()), "pools are made")
                assert unobservable_prefixes() == ["Network/"]
                assert "lab" not in names(other.virt.listAllNetworks())
                wait_until(lambda: host.connections > 2, "the daemon reconnects repeatedly")
                host.is_broken = False
                wait_until(lambda: "lab" in names(other.virt.listAllNetworks()), "networks are made")
                wait_until(lambda: not unobservable_prefixes(), "nothing is hidden any more")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with closing(State.open(settings.state)) as state, ThreadPoolExecutor(1) as pool:
        service = Service(settings, [], known_kinds(), state)
        checked = pool.submit(check, service)
        assert service.run()
        checked.result()


def test_events_of_other_kinds_arrive_while_one_libvirt_daemon_is_down() -> None:
    triggered: Queue[Key] = Queue()
    with connect("test:///default") as connection, connect("test:///default") as other:
        connection.virt = PartlyBroken(connection.virt, frozenset({"networkEventRegisterAny"}))  # type: ignore[assignment]
        subscription = subscribe(connection, triggered.put, EVENTS)

        assert subscription.unreachable_kinds == {"Network"}
        other.virt.defineXML(DOMAIN).undefine()
        assert triggered.get(timeout=WITHIN_S) == Key("Domain", "new")
        subscription.cancel()


def test_subscribe_on_lost_connection_raises_unavailable() -> None:
    with connect("test:///default") as connection:
        connection.virt = PartlyBroken(
            connection.virt, frozenset({"networkEventRegisterAny", "getLibVersion"})
        )  # type: ignore[assignment]

        with pytest.raises(Unavailable):
            subscribe(connection, print, EVENTS)


def names(objects: list[libvirt.virNetwork] | list[libvirt.virStoragePool]) -> set[str]:
    return {each.name() for each in objects}
