"""Events trigger with the key of their object only."""

from collections.abc import Iterator
from queue import Empty, Queue

import pytest

from kvmreconcile.errors import Rejected
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.events import subscribe
from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import events_of
from kvmreconcile.model import Key

EVENTS = events_of({kind.name: kind for kind in KINDS})

DOMAIN = "<domain type='test'><name>events1</name><memory>1024</memory><os><type>hvm</type></os></domain>"
NETWORK = "<network><name>events1</name></network>"
POOL = "<pool type='dir'><name>events1</name><target><path>/events1</path></target></pool>"
WAIT_S = 20


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connect("test:///default") as connection:
        yield connection


@pytest.fixture
def other_connection() -> Iterator[Connection]:
    # To the same hypervisor: libvirt takes one callback for each event and connection.
    with connect("test:///default") as connection:
        yield connection


def test_event_of_each_kind_triggers_with_the_key_of_its_object(connection: Connection) -> None:
    triggered: Queue[Key] = Queue()
    subscription = subscribe(connection, triggered.put, EVENTS)

    for define, xml, kind in (
        (connection.virt.defineXML, DOMAIN, "Domain"),
        (connection.virt.networkDefineXML, NETWORK, "Network"),
        (connection.virt.storagePoolDefineXML, POOL, "StoragePool"),
    ):
        defined = define(xml)
        assert triggered.get(timeout=WAIT_S) == Key(kind, "events1")
        defined.undefine()
        assert triggered.get(timeout=WAIT_S) == Key(kind, "events1")

    subscription.cancel()


def test_nothing_is_triggered_after_cancel(connection: Connection, other_connection: Connection) -> None:
    cancelled: Queue[Key] = Queue()
    other: Queue[Key] = Queue()
    subscription = subscribe(connection, cancelled.put, EVENTS)
    still = subscribe(other_connection, other.put, EVENTS)

    subscription.cancel()
    subscription.cancel()
    connection.virt.networkDefineXML(NETWORK).undefine()

    assert other.get(timeout=WAIT_S) == Key("Network", "events1")
    assert other.get(timeout=WAIT_S) == Key("Network", "events1")
    with pytest.raises(Empty):
        cancelled.get_nowait()
    still.cancel()


def test_exception_of_a_callback_is_kept_and_printed(
    connection: Connection, other_connection: Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    triggered: Queue[Key] = Queue()
    broken = subscribe(connection, lambda _key: 1 // 0, EVENTS)  # type: ignore[arg-type]
    subscription = subscribe(other_connection, triggered.put, EVENTS)

    connection.virt.networkDefineXML(NETWORK).undefine()
    triggered.get(timeout=WAIT_S)
    triggered.get(timeout=WAIT_S)

    assert isinstance(broken.failure, ZeroDivisionError)
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert subscription.failure is None
    broken.cancel()
    subscription.cancel()


def test_second_subscription_of_a_connection_is_refused(connection: Connection) -> None:
    first = subscribe(connection, print, EVENTS)

    with pytest.raises(Rejected, match="already tracked"):
        subscribe(connection, print, EVENTS)

    first.cancel()
    subscribe(connection, print, EVENTS).cancel()
