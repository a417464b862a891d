"""Connections: opened with the event loop, shared by threads, closed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kvmreconcile.errors import HostError, Unavailable
from kvmreconcile.host.connection import connect
from tests.mock import OWN


def test_refused_connection_is_unavailable_and_names_the_uri(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unavailable, match=r"cannot connect to qemu:///system.socket=/nonexistent/sock"):
        connect("qemu:///system?socket=/nonexistent/sock")

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("uri", "todo"),
    [
        ("qemu:///system?socket=/nonexistent/sock", "libvirt's daemon is running"),
        ("qemu+ssh://host/system?command=/bin/false", "check the URI, the network"),
    ],
)
def test_advice_after_a_failed_connection_depends_on_the_uri(uri: str, todo: str) -> None:
    with pytest.raises(Unavailable, match=todo):
        connect(uri)


def test_unknown_uri_is_an_error() -> None:
    with pytest.raises(HostError):
        connect("test:///nonexistent/file")


def test_open_connection_is_alive_until_it_is_closed() -> None:
    with connect(OWN) as connection:
        assert connection.is_alive()
        assert not connection.lost

    assert connection.lost
    assert not connection.is_alive()


def test_second_close_does_nothing() -> None:
    connection = connect(OWN)

    connection.close()
    connection.close()

    assert not connection.is_alive()


def test_one_event_loop_serves_all_connections() -> None:
    with ThreadPoolExecutor(4) as pool:
        connections = list(pool.map(connect, [OWN] * 8))

    assert [t.name for t in threading.enumerate()].count("libvirt-events") == 1
    for connection in connections:
        connection.close()


def test_workers_share_a_connection() -> None:
    with connect(OWN) as connection, ThreadPoolExecutor(4) as pool:
        names = pool.map(lambda _: connection.virt.lookupByName("test").name(), range(200))

        assert set(names) == {"test"}
