"""A connection whose daemon ends, and events of a real daemon."""

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from kvmreconcile.errors import Unavailable
from kvmreconcile.host.connection import connect
from kvmreconcile.host.errors import translated
from kvmreconcile.host.events import subscribe
from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import events_of
from kvmreconcile.kinds.pool import KIND as POOL
from kvmreconcile.kinds.volume import KIND as VOLUME
from kvmreconcile.model import Key
from tests.lab.lab import Lab
from tests.waiting import wait_until

EVENTS = events_of({kind.name: kind for kind in KINDS})


def held() -> tuple[int, int]:
    """Threads and open files of this process."""
    gc.collect()
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("how", ["TERM", "KILL"])
def test_stopped_libvirtd_is_noticed_and_a_new_connection_works(lab: Lab, how: str) -> None:
    with connect(lab.uri) as connection:
        assert connection.is_alive()
        subscription = subscribe(connection, print, EVENTS)

        lab.restart_libvirtd(how)

        wait_until(lambda: connection.lost, "the loss is noticed by itself")
        assert not connection.is_alive()
        with pytest.raises(Unavailable), translated("domains"):
            connection.virt.listAllDomains(0)
        subscription.cancel()
    with connect(lab.uri) as again:
        assert again.is_alive()


def test_lost_connection_is_also_noticed_by_a_call(lab: Lab) -> None:
    with connect(lab.uri) as connection:
        lab.restart_libvirtd("KILL")

        assert not connection.is_alive()
        assert connection.lost


def test_objects_are_unobservable_not_absent_after_a_lost_connection(lab: Lab) -> None:
    with connect(lab.uri) as connection:
        lab.restart_libvirtd("KILL")

        for kind in (POOL, VOLUME):
            seen = kind.driver().observe(connection)
            assert not seen.objects
            assert [unobservable.prefix for unobservable in seen.unobservable] == [f"{kind.name}/"]
            assert seen.unobservable[0].until is None


def test_closed_connections_leave_no_threads_or_files_open(lab: Lab) -> None:
    connect(lab.uri).close()
    threads, files = held()

    for _ in range(20):
        with connect(lab.uri) as connection:
            subscribe(connection, print, EVENTS).cancel()

    wait_until(lambda: held()[0] <= threads and held()[1] <= files, "all is given back")


def test_lost_connections_leave_no_threads_or_files_open(lab: Lab) -> None:
    connect(lab.uri).close()
    threads, files = held()

    for _ in range(3):
        with connect(lab.uri) as connection:
            subscription = subscribe(connection, print, EVENTS)
            lab.restart_libvirtd("KILL")
            wait_until(lambda: connection.lost, "the loss is noticed")
            subscription.cancel()

    wait_until(lambda: held()[0] <= threads and held()[1] <= files, "all is given back")


@pytest.fixture
def triggered(lab: Lab) -> Iterator[Queue[Key]]:
    """The keys of the triggers that events enqueue, in a lab with a pool, a network and a running guest that boots nothing."""
    triggered: Queue[Key] = Queue()
    for name in ("plugged.raw", "medium.iso"):
        (lab.path / "images" / name).write_bytes(bytes(4096))
    lab.virsh("pool-define-as", "images", "dir", "--target", str(lab.path / "images"))
    lab.virsh("pool-start", "images")
    with lab.connect() as virt:
        virt.networkDefineXML("<network><name>lan</name><bridge name='rung0'/></network>").create()
        virt.defineXML(GUEST.format(image=lab.path / "images/disk.qcow2"))
        lab.virsh("vol-create-as", "images", "disk.qcow2", "1M", "--format", "qcow2")
        virt.lookupByName("guest").create()
    with connect(lab.uri) as connection:
        subscription = subscribe(connection, triggered.put, EVENTS)
        yield triggered
        subscription.cancel()
        assert subscription.failure is None


GUEST = """
<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory>
<os><type machine='q35'>hvm</type></os><devices>
<controller type='pci' index='1' model='pcie-root-port'/><controller type='pci' index='2' model='pcie-root-port'/>
<controller type='pci' index='3' model='pcie-root-port'/><controller type='pci' index='4' model='pcie-root-port'/>
<disk type='file'><driver name='qemu' type='qcow2'/><source file='{image}'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk></devices></domain>"""
DOMAIN, NETWORK, POOL_KEY = Key("Domain", "guest"), Key("Network", "lan"), Key("StoragePool", "images")
CHANGES: tuple[tuple[str, Key], ...] = (
    ("suspend guest", DOMAIN),
    ("resume guest", DOMAIN),
    ("attach-disk guest {images}/plugged.raw vdb --live", DOMAIN),
    ("change-media guest sda {images}/medium.iso --insert --live", DOMAIN),
    ("blkdeviotune guest vda --total-iops-sec 100 --live", DOMAIN),
    ("metadata guest urn:x:y --key k --set <x/> --config", DOMAIN),
    ("blockpull guest vda", DOMAIN),
    ("desc guest --title --config other", DOMAIN),
    ("managedsave guest", DOMAIN),
    ("undefine guest --managed-save", DOMAIN),
    ("net-destroy lan", NETWORK),
    ("net-start lan", NETWORK),
    ("net-undefine lan", NETWORK),
    ("pool-refresh images", POOL_KEY),
    ("pool-destroy images", POOL_KEY),
    ("pool-undefine images", POOL_KEY),
)


def test_every_relevant_change_on_the_host_enqueues_a_trigger(lab: Lab, triggered: Queue[Key]) -> None:
    silent = []
    for words, key in CHANGES:
        while not triggered.empty():
            triggered.get()
        lab.virsh(*words.format(images=lab.path / "images").split())
        try:
            assert triggered.get(timeout=3) == key
        except Empty:
            silent.append(words)
        time.sleep(0.1)

    assert silent == []
