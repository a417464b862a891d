"""Nothing is lost, whatever happens to the specs or to the state."""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.daemon import ALL, DEMO, FILES, OBJECTS, Daemon
from tests.lab.lab import Lab
from tests.origin import Origin

GUESTS = ("web2.yaml", "db1.yaml")


def boot_id(lab: Lab) -> str:
    """Return the boot id, which changes at each start of the guest."""
    return lab.virsh("domid", "web1").strip()


def test_renaming_every_spec_file_changes_nothing(running: Daemon) -> None:
    done = len(running.lines())
    for name in FILES:
        (running.specs / name).rename(running.specs / f"renamed-{name}")

    # Earlier actions may still cause events, such as one of a guest that has just started.
    while "specs" not in running.wait_for("pass.started")["rung_by"]:
        pass
    running.wait_until_idle()

    assert {line["event"] for line in running.lines()[done:]} == {"pass.started", "pass.ended"}


def test_renaming_every_object_removes_nothing(running: Daemon) -> None:
    before = boot_id(running.lab)
    for name in FILES:
        file = running.specs / name
        file.write_text(file.read_text().replace("demo", "other").replace("web1", "shop1"))

    held = running.wait_for("object.held", key="Domain/web1")
    running.wait_for("pass.ended")

    assert held["why"] == "too many objects in one pass"
    assert "limits" in held["release"] or "approve" in held["release"]
    assert running.removed() == []
    assert running.objects() >= ALL
    assert boot_id(running.lab) == before


def test_deleting_half_of_the_specs_removes_nothing(daemon: Daemon) -> None:
    for name in GUESTS:
        shutil.copy(DEMO / name, daemon.specs)
    daemon.start()
    daemon.wait_until_idle(in_sync=OBJECTS + len(GUESTS))
    before = boot_id(daemon.lab)

    for name in ("web1.yaml", "web2.yaml", "network.yaml"):
        (daemon.specs / name).unlink()
    storage = daemon.specs / "storage.yaml"
    documents = storage.read_text().split("\n---\n")
    storage.write_text("\n---\n".join(documents[:2]))

    held = daemon.wait_for("object.held", key="Domain/web1")
    daemon.wait_for("pass.ended")

    assert held["why"] == "too many objects in one pass"
    assert daemon.removed() == []
    assert daemon.objects() == ALL | {"web2", "db1"}
    assert boot_id(daemon.lab) == before


def test_misspelled_kind_removes_nothing(running: Daemon) -> None:
    running.edit("web1.yaml", "kind: Domain", "kind: Domian")

    wrong = running.wait_for("spec.wrong")
    running.wait_for("pass.ended")

    assert wrong["what"].endswith("unknown kind 'Domian'")
    assert "Domain" in wrong["todo"]
    assert running.removed() == []
    assert running.objects() == ALL


def test_two_specs_with_the_same_name_change_nothing(running: Daemon) -> None:
    before = boot_id(running.lab)
    twin = (running.specs / "web1.yaml").read_text().replace("memory: 96MiB", "memory: 64MiB")
    (running.specs / "twin.yaml").write_text(twin)

    wrong = running.wait_for("spec.wrong")
    running.wait_for("pass.ended", in_sync=OBJECTS - 1)

    assert "is also defined at" in wrong["what"]
    assert running.removed() == []
    assert boot_id(running.lab) == before
    assert "98304" in running.lab.virsh("dominfo", "web1")


def test_emptied_repository_removes_nothing(daemon: Daemon, lab: Lab) -> None:
    origin = Origin(lab.path / "repository")
    for file in sorted(daemon.specs.iterdir()):
        origin.commit(file.read_text(), name=file.name)
    shutil.rmtree(daemon.specs)
    daemon.environment["KVMRECONCILE_GIT"] = f"{{url: {origin.path}, poll: 1s}}"
    daemon.start()
    daemon.wait_until_idle()
    before = boot_id(lab)

    origin.git("rm", "--quiet", "-r", ".")
    origin.git("commit", "--quiet", "--message=nothing is left")
    daemon.wait_for("revision.in_force", commit=origin.git("rev-parse", "HEAD"))
    held = daemon.wait_for("object.held", key="Domain/web1")
    daemon.wait_for("pass.ended")

    assert held["why"] == "specs or state are incomplete"
    assert daemon.removed() == []
    assert daemon.objects() == ALL
    assert boot_id(lab) == before


@pytest.mark.parametrize("how", ["deleted", "corrupt"])
def test_lost_state_changes_nothing(running: Daemon, how: str) -> None:
    before = boot_id(running.lab)
    assert running.process.stop() == 0
    for file in running.state.glob("state.sqlite3*"):
        if how == "deleted":
            file.unlink()
        else:
            file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    (running.specs / "web1.yaml").unlink()

    running.start()
    if how == "corrupt":
        assert running.wait_for("state.recovered")["damaged"].startswith(str(running.state))
    # Volumes have no ownership mark; they are recognized by their specs in a managed pool.
    running.wait_until_idle(in_sync=OBJECTS - 1)

    assert running.removed() == []
    assert running.objects() == ALL
    assert boot_id(running.lab) == before
    with sqlite3.connect(running.state / "state.sqlite3") as database:
        names = {name for (name,) in database.execute("SELECT name FROM applied")}
    database.close()
    assert names >= {"demo", "demo/web1.qcow2"}


@pytest.mark.case("9")
def test_spec_that_is_moved_into_a_submodule_removes_nothing(
    daemon: Daemon, lab: Lab, tmp_path: Path
) -> None:
    origin = Origin(tmp_path / "repository")
    for file in sorted(daemon.specs.iterdir()):
        origin.commit(file.read_text(), name=file.name)
    shutil.rmtree(daemon.specs)
    daemon.environment["KVMRECONCILE_GIT"] = f"{{url: {origin.path}, poll: 1s}}"
    daemon.environment["KVMRECONCILE_SETTLE"] = "{removal: 0s}"
    daemon.start()
    daemon.wait_until_idle()
    before = boot_id(lab)

    commit = origin.git("rev-parse", "HEAD")
    origin.git("rm", "--quiet", "web1.yaml")
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{commit},web")
    origin.git("commit", "--quiet", "--message=web servers into a submodule")
    wrong = daemon.wait_for("spec.wrong")
    held = daemon.wait_for("object.held", key="Domain/web1")
    daemon.wait_for("pass.ended")

    assert (wrong["where"], wrong["what"]) == (
        "web:1:1",
        "is a submodule that is not checked out",
    )
    assert held["why"] == "specs or state are incomplete"
    assert daemon.removed() == []
    assert boot_id(lab) == before


def command(daemon: Daemon, *words: str, uri: str = "") -> "subprocess.CompletedProcess[str]":
    """Call kvmreconcile with the daemon's settings."""
    environment = daemon.environment | ({"KVMRECONCILE_CONNECT": uri} if uri else {})
    call = (sys.executable, "-m", "kvmreconcile", *words)
    return subprocess.run(call, check=False, env=environment, capture_output=True, text=True)


@pytest.mark.case("14")
def test_state_of_another_host_changes_nothing_on_either(running: Daemon) -> None:
    before = boot_id(running.lab)
    assert running.process.stop() == 0
    (running.specs / "web1.yaml").unlink()
    with Lab() as other:
        refused = [command(running, word, uri=other.uri) for word in ("plan", "apply", "history")]
        running.environment["KVMRECONCILE_CONNECT"] = other.uri
        running.start()
        broken = running.wait_for("pass.broken_off")
        assert running.process.stop() == 0

        assert other.virsh("list", "--all", "--name").split() == []
        assert other.virsh("net-list", "--all", "--name").split() == []
        assert other.virsh("pool-list", "--all", "--name").split() == []

    wrong = f"{running.state}: this state belongs to host UUID "
    assert all(wrong in result.stderr for result in refused)
    assert [result.returncode for result in refused] == [1, 1, 0]
    assert broken["why"].startswith(wrong)
    assert boot_id(running.lab) == before
    assert running.objects() == ALL


@pytest.mark.case("14")
def test_host_with_a_new_uuid_is_reconciled_once_its_state_is_accepted(running: Daemon) -> None:
    lab, settings = running.lab, running.lab.path / f"etc/{running.lab.main_daemon}.conf"
    before = boot_id(lab)
    assert running.process.stop() == 0
    text = settings.read_text()
    settings.write_text(
        re.sub('host_uuid = ".*"', 'host_uuid = "2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001"', text)
    )
    lab.restart_libvirtd()

    try:
        refused = command(running, "plan")
        accepted = command(running, "state", "accept")
        running.start()
        running.wait_until_idle()
        assert running.process.stop() == 0
    finally:
        settings.write_text(text)
        lab.restart_libvirtd()

    assert refused.returncode == 1
    assert "host UUID 2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001 (qemu:///system)" in refused.stderr
    assert accepted.returncode == 0, accepted.stderr
    assert boot_id(lab) == before
    assert running.done("define") == set()


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def damaged(file: Path) -> None:
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)


@pytest.fixture
def edited(daemon: Daemon) -> Daemon:
    """A daemon that is stopped, its guest suspended, and its spec edited so that the guest would be restarted."""
    daemon.environment["KVMRECONCILE_CONTROL"] = f"{{socket: {daemon.state.parent}/control.sock}}"
    daemon.edit("web1.yaml", "spec:\n", "spec:\n  update: {maxEffect: restart}\n")
    daemon.start()
    daemon.wait_until_idle()
    assert daemon.process.stop() == 0
    assert command(daemon, "suspend", "Domain/web1", "--why", "its disk is being copied").returncode == 0
    daemon.edit("web1.yaml", "memory: 96MiB", "memory: 128MiB")
    return daemon


@pytest.mark.case("15a")
@pytest.mark.parametrize("lose", [Path.unlink, emptied, damaged])
def test_suspended_guest_is_not_changed_without_the_database(
    edited: Daemon, lose: Callable[[Path], None]
) -> None:
    before = boot_id(edited.lab)
    lose(edited.state / "state.sqlite3")

    planned = command(edited, "plan")
    edited.start()
    recovered = edited.wait_for("state.recovered")
    held = edited.wait_for("object.held", key="Domain/web1")
    edited.wait_for("pass.ended")
    status, history = command(edited, "status", "Domain/web1"), command(edited, "history")

    assert f"{edited.state}/state.sqlite3 is " in planned.stderr
    assert "! Domain/web1" in planned.stdout
    assert "its disk is being copied" in planned.stdout
    assert held["why"] == "it is suspended"
    assert "Suspended" in status.stdout
    assert recovered["why"] in history.stdout
    assert boot_id(edited.lab) == before
    assert command(edited, "resume", "Domain/web1").returncode == 0
    edited.wait_for("action.done", key="Domain/web1", verb="restart")


@pytest.mark.case("15b")
@pytest.mark.parametrize("lose", [Path.unlink, emptied, damaged])
def test_guest_is_not_changed_after_all_state_is_lost_until_the_loss_is_accepted(
    edited: Daemon, lose: Callable[[Path], None]
) -> None:
    before = boot_id(edited.lab)
    for name in ("state.sqlite3", "suspensions.json"):
        lose(edited.state / name)

    offline = [command(edited, *words) for words in (("plan",), ("apply", "--yes"), ("history",))]
    edited.start()
    lost = edited.wait_for("state.lost")
    edited.wait_for("pass.ended")
    asked = [command(edited, *words) for words in (("status",), ("reconcile",), ("plan",), ("history",))]

    for result in (*offline, *asked):
        said = result.stdout + result.stderr
        assert 'the state of instance "default" seems to be lost: ' in said, result.args
    assert "Domain/web1" in lost["why"]
    assert "define, restart Domain/web1: the state may be lost" in asked[-1].stdout
    assert [result.returncode for result in offline] == [0, 3, 0]
    assert asked[0].returncode == 3
    assert edited.done("define") == edited.done("restart") == set()
    assert edited.objects() == ALL
    assert boot_id(edited.lab) == before

    accepted = command(edited, "state", "accept", "--why", "nothing was suspended")
    assert "if an earlier state was lost, its suspensions are not restored" in accepted.stdout
    edited.wait_for("state.in_use")
    edited.wait_for("action.done", key="Domain/web1", verb="restart")
