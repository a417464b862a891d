"""
The daemon over libvirt's modular daemons, each of which can fail alone.

Source: https://libvirt.org/daemons.html, "Modular driver daemons".
"""

import time
from collections.abc import Iterator

import pytest

from tests.lab.daemon import Daemon
from tests.lab.lab import MODULAR, Lab, has_modular_daemons

RESYNC_S = 3
VOLUMES = ("golden.qcow2", "web1.qcow2", "web2.qcow2", "db1.qcow2")

pytestmark = pytest.mark.skipif(
    not has_modular_daemons(),
    reason="virtqemud and its like are not installed (tests/lab/modular builds them)",
)


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    """One lab with modular daemons for this file."""
    with Lab(daemons="modular") as lab:
        yield lab


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    """A daemon that has nothing left to do, with a full pass every few seconds."""
    daemon.environment["KVMRECONCILE_RESYNC"] = f"{RESYNC_S}s"
    daemon.start()
    daemon.wait_until_idle()
    return daemon


def test_guests_networks_and_storage_converge(running: Daemon) -> None:
    assert running.objects() >= {"web1", "demo", "golden.qcow2", "web1.qcow2"}
    assert running.is_running()


@pytest.mark.parametrize(
    ("name", "objects"),
    [
        ("virtnetworkd", {"Network/demo"}),
        ("virtstoraged", {"StoragePool/demo", *(f"Volume/demo/{name}" for name in VOLUMES)}),
    ],
)
def test_stopped_libvirt_daemon_makes_only_its_objects_unobservable(
    running: Daemon, name: str, objects: set[str]
) -> None:
    with running.lab.without(name):
        for key in sorted(objects):
            running.wait_for("object.held", key=key)
        running.edit("web1.yaml", "memory: 96MiB", "memory: 96MiB\n  title: Edited")
        running.wait_for("action.done", key="Domain/web1", verb="define")

        assert {line["key"] for line in running.lines() if line["event"] == "object.held"} == objects
        assert running.is_running()

    running.wait_until_idle()
    assert not running.removed()


@pytest.mark.parametrize("name", ["virtinterfaced", "virtnodedevd", "virtnwfilterd", "virtsecretd"])
def test_stopped_libvirt_daemon_without_managed_objects_makes_nothing_unobservable(
    running: Daemon, name: str
) -> None:
    with running.lab.without(name):
        running.edit("web1.yaml", "memory: 96MiB", "memory: 96MiB\n  title: Edited")
        running.wait_for("action.done", key="Domain/web1", verb="define")
        running.wait_until_idle()

        assert not [line for line in running.lines() if line["event"] in ("object.held", "host.renewing")]


def test_nothing_is_observed_or_changed_while_virtqemud_is_stopped(running: Daemon) -> None:
    boot_id = running.lab.pid_of("web1")

    with running.lab.without("virtqemud"):
        running.wait_for("host.lost")
        running.wait_for("host.unavailable")
        lost = len(running.lines())
        running.edit("web1.yaml", "memory: 96MiB", "memory: 96MiB\n  title: Edited")
        time.sleep(2 * RESYNC_S)

        assert not [line for line in running.lines()[lost:] if line["event"].startswith(("pass.", "action."))]

    running.wait_for("action.done", key="Domain/web1", verb="define")
    running.wait_until_idle()
    assert not running.removed()
    assert running.lab.pid_of("web1") == boot_id


@pytest.mark.parametrize("name", ["virtnetworkd", "virtqemud"])
def test_events_are_received_after_a_libvirt_daemon_was_restarted(running: Daemon, name: str) -> None:
    running.lab.restart_daemon(name, "KILL")
    running.wait_until_idle()

    running.lab.virsh("net-destroy", "demo")

    running.wait_for("action.done", key="Network/demo", verb="start")


def test_guest_keeps_running_when_all_libvirt_daemons_are_killed(running: Daemon) -> None:
    boot_id = running.lab.pid_of("web1")

    for name in MODULAR:
        running.lab.restart_daemon(name, "KILL")
    running.wait_until_idle()

    assert running.lab.pid_of("web1") == boot_id
