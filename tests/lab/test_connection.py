"""A connection whose daemon dies, and events of a real one."""

import gc
import threading
from pathlib import Path
from queue import Queue

import pytest

from kvmreconcile.errors import Unavailable
from kvmreconcile.host.connection import connect
from kvmreconcile.host.errors import translated
from kvmreconcile.host.events import subscribe
from kvmreconcile.kinds.pool import KIND as POOL
from kvmreconcile.kinds.volume import KIND as VOLUME
from kvmreconcile.model import Key
from tests.lab.guest import wait_until
from tests.lab.lab import Lab

WAIT_S = 20


def held() -> tuple[int, int]:
    """Threads and open files of this process."""
    gc.collect()
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("how", ["TERM", "KILL"])
def test_daemon_that_ends_is_noticed_and_a_new_connection_works(lab: Lab, how: str) -> None:
    with connect(lab.uri) as connection:
        assert connection.is_alive()
        subscription = subscribe(connection, print)

        lab.restart_libvirtd(how)

        wait_until(lambda: connection.lost, "the loss is noticed by itself")
        assert not connection.is_alive()
        with pytest.raises(Unavailable), translated("domains"):
            connection.virt.listAllDomains(0)
        subscription.cancel()
    with connect(lab.uri) as again:
        assert again.is_alive()


def test_loss_is_noticed_by_asking_as_well(lab: Lab) -> None:
    with connect(lab.uri) as connection:
        lab.restart_libvirtd("KILL")

        assert not connection.is_alive()
        assert connection.lost


def test_lost_connection_proves_nothing_absent(lab: Lab) -> None:
    with connect(lab.uri) as connection:
        lab.restart_libvirtd("KILL")

        for kind in (POOL, VOLUME):
            seen = kind.driver().observe(connection)
            assert not seen.objects
            assert [blind.prefix for blind in seen.blind] == [f"{kind.name}/"]
            assert seen.blind[0].until is None


def test_connections_that_come_and_go_leave_nothing_open(lab: Lab) -> None:
    connect(lab.uri).close()
    threads, files = held()

    for _ in range(20):
        with connect(lab.uri) as connection:
            subscribe(connection, print).cancel()

    wait_until(lambda: held()[0] <= threads and held()[1] <= files, "all is given back")


def test_lost_connections_leave_nothing_open(lab: Lab) -> None:
    connect(lab.uri).close()
    threads, files = held()

    for _ in range(3):
        with connect(lab.uri) as connection:
            subscription = subscribe(connection, print)
            lab.restart_libvirtd("KILL")
            wait_until(lambda: connection.lost, "the loss is noticed")
            subscription.cancel()

    wait_until(lambda: held()[0] <= threads and held()[1] <= files, "all is given back")


def test_what_happens_to_a_pool_rings(lab: Lab) -> None:
    rung: Queue[Key] = Queue()
    with connect(lab.uri) as connection:
        subscription = subscribe(connection, rung.put)

        lab.virsh("pool-define-as", "images", "dir", "--target", str(lab.path / "images"))
        assert rung.get(timeout=WAIT_S) == Key("StoragePool", "images")
        lab.virsh("pool-start", "images")
        assert rung.get(timeout=WAIT_S) == Key("StoragePool", "images")

        subscription.cancel()
        assert subscription.failure is None
