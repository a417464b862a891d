"""The daemon as a process, on a real libvirtd with a real guest."""

import time

import pytest

from kvmreconcile.state.lock import WorkLock
from tests.lab.daemon import ALL, FILES, OBJECTS, Daemon, at_s
from tests.waiting import wait_until

pytestmark = pytest.mark.figures


def test_empty_host_converges_and_then_no_action_runs(running: Daemon) -> None:
    assert running.objects() == ALL
    assert running.is_running()

    # Its own actions trigger no further pass: the guest that starts may trigger one more, and another for its agent.
    (running.specs / "web1.yaml").touch()
    echoes = list(iter(lambda: "specs" in running.wait_for("pass.started")["rung_by"], True))
    assert len(echoes) <= 2


def test_saved_spec_file_is_applied(running: Daemon) -> None:
    saved_s = running.edit("web1.yaml", "spec:\n", "spec:\n  title: Mended\n")

    begun = running.wait_for("action.started", key="Domain/web1")

    running.wait_until_idle()
    print(f"from file saved to first action: {at_s(begun) - saved_s:.3f} s")
    assert running.lab.virsh("desc", "web1", "--title").strip() == "Mended"


def test_destroyed_guest_is_started_again(running: Daemon) -> None:
    running.lab.virsh("destroy", "web1")
    destroyed_s = time.time()

    done = running.wait_for("action.done", key="Domain/web1", verb="start")

    print(f"from guest destroyed to guest running: {at_s(done) - destroyed_s:.3f} s")
    assert running.is_running()
    running.wait_until_idle()


def test_undefined_guest_is_recreated(running: Daemon) -> None:
    running.lab.virsh("destroy", "web1")
    running.lab.virsh("undefine", "web1")

    # A pass that observed the host before both may end meanwhile, so its end proves nothing.
    def is_back() -> bool:
        return "web1" in running.lab.virsh("list", "--persistent", "--name") and running.is_running()

    wait_until(is_back, "the guest runs again")
    running.wait_until_idle()
    assert is_back()


def test_stopped_network_is_started(running: Daemon) -> None:
    running.lab.virsh("net-destroy", "demo")

    running.wait_for("action.done", key="Network/demo", verb="start")

    running.wait_until_idle()
    assert "Active: yes" in running.lab.virsh("net-info", "demo").replace("  ", "")


def test_invalid_file_is_reported_and_other_objects_are_reconciled(running: Daemon) -> None:
    running.edit("network.yaml", "spec:\n", "spec: [\n")

    wrong = running.wait_for("spec.wrong")
    assert wrong["where"].startswith(f"{running.specs}/network.yaml:")
    assert len(wrong["where"].split(":")) == 3

    running.lab.virsh("destroy", "web1")
    running.wait_for("action.done", key="Domain/web1", verb="start")
    running.wait_for("pass.ended")
    assert running.objects() == ALL

    running.edit("network.yaml", "spec: [\n", "spec:\n")
    running.wait_for("spec.mended", where=wrong["where"])
    running.wait_until_idle()
    assert [line["event"] for line in running.lines()].count("spec.wrong") == 1


def test_missing_spec_directory_removes_nothing_and_is_used_again_when_it_returns(running: Daemon) -> None:
    aside = running.specs.rename(running.specs.with_name("aside"))

    running.wait_for("spec.wrong", where=f"{running.specs}:1:1")
    running.wait_for("pass.ended")
    assert running.objects() == ALL

    aside.rename(running.specs)
    running.wait_for("spec.mended")
    running.wait_until_idle()
    running.edit("web1.yaml", "spec:\n", "spec:\n  title: Mended\n")
    running.wait_for("action.done", key="Domain/web1")
    assert not any(
        "remove" in line.values() for line in running.lines() if line["event"].startswith("action")
    )


def test_empty_spec_directory_removes_nothing(running: Daemon) -> None:
    for name in FILES:
        (running.specs / name).unlink()

    running.wait_for("object.held", key="Domain/web1")
    running.wait_for("pass.ended")

    assert running.objects() == ALL


def test_removal_of_a_spec_is_held_until_confirmed_and_reported_once(running: Daemon) -> None:
    (running.specs / "web1.yaml").unlink()
    (running.specs / "network.yaml").unlink()

    running.wait_for("action.done", key="Domain/web1", verb="remove")
    running.wait_until_idle(in_sync=OBJECTS - 2)
    (running.specs / "storage.yaml").touch()
    running.wait_until_idle(in_sync=OBJECTS - 2)

    held = [line for line in running.lines() if line["event"] == "object.held"]
    assert sorted((line["key"], line["why"], line["verbs"]) for line in held) == [
        ("Domain/web1", "the specs are not known to have been unchanged for long enough", "remove"),
        ("Network/demo", "removal needs approval", "remove"),
    ]
    assert running.objects() == ALL - {"web1"}


def test_object_that_libvirt_rejects_is_not_retried_in_each_pass(running: Daemon) -> None:
    # No embedded driver validates networks, so the plan does not know.
    bad = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: bad}\nspec: {xml: <network><nonsense/></network>}\n"
    (running.specs / "bad.yaml").write_text(bad)

    assert running.wait_for("object.postponed", key="Network/bad")["wait_s"] > 200
    running.lab.virsh("destroy", "web1")
    running.wait_for("action.done", key="Domain/web1", verb="start")
    running.wait_until_idle()

    failures = [line for line in running.lines() if line["event"] == "action.failed"]
    assert [line["key"] for line in failures] == ["Network/bad"]


def test_domain_that_libvirt_rejects_is_held_and_not_attempted(running: Daemon) -> None:
    bad = (running.specs / "web1.yaml").read_text().replace("name: web1\n", "name: bad\n")
    bad = bad.replace("type: qemu", "type: qemu\n  state: stopped\n  xml: <domain><nonsense/></domain>")
    (running.specs / "bad.yaml").write_text(bad)

    held = running.wait_for("object.held", key="Domain/bad")

    assert held["why"] == "the definition is not valid"
    assert "nonsense" in held["detail"] or "schema" in held["detail"]
    assert not [line for line in running.lines() if line["event"] == "action.failed"]


def test_guest_that_does_not_shut_down_delays_no_other_object(running: Daemon) -> None:
    # Nothing to boot: it ignores the power button.
    deaf = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: deaf}\nspec:\n  type: qemu\n  memory: 32MiB\n"
    (running.specs / "deaf.yaml").write_text(f"{deaf}  update: {{shutdown: {{timeout: 15s}}}}\n")
    running.wait_until_idle(in_sync=OBJECTS + 1)

    (running.specs / "deaf.yaml").write_text(
        f"{deaf}  state: stopped\n  update: {{shutdown: {{timeout: 15s}}}}\n"
    )
    running.wait_for("action.started", key="Domain/deaf", verb="stop")
    running.lab.virsh("destroy", "web1")
    running.wait_for("action.done", key="Domain/web1", verb="start")

    assert "action.failed" not in {line["event"] for line in running.lines()}
    running.wait_for("action.failed", key="Domain/deaf", verb="stop")
    assert running.wait_for("pass.completed")["failed"] == 1
    assert running.lab.virsh("domstate", "deaf").strip() == "running"


@pytest.mark.parametrize("how", ["TERM", "KILL"])
def test_daemon_reconnects_to_a_restarted_libvirtd_and_receives_its_events(running: Daemon, how: str) -> None:
    running.lab.restart_libvirtd(how)
    running.wait_for("host.lost")
    running.wait_for("host.connected")
    running.wait_until_idle()

    running.lab.virsh("destroy", "web1")

    running.wait_for("action.done", key="Domain/web1", verb="start")
    assert running.is_running()


def test_idle_daemon_stops_at_once_on_sigterm_and_leaves_the_guest_running(running: Daemon) -> None:
    began_s = time.monotonic()

    status = running.process.stop()

    took_s = time.monotonic() - began_s
    print(f"from SIGTERM to its end: {took_s:.3f} s")
    assert status == 0
    assert took_s < 5
    assert running.lines()[-1]["event"] == "daemon.stopped"
    assert running.is_running()


def test_busy_daemon_starts_no_further_action_after_sigterm(daemon: Daemon) -> None:
    daemon.start()
    daemon.wait_for("action.started")
    began_s = time.monotonic()

    assert daemon.process.stop() == 0

    assert time.monotonic() - began_s < 10
    lines = [(line["event"], line["key"], line["verb"]) for line in daemon.lines() if "verb" in line]
    started = {line[1:] for line in lines if line[0] == "action.started"}
    ended = {line[1:] for line in lines if line[0] in ("action.done", "action.skipped")}
    assert started <= ended

    daemon.start()
    daemon.wait_until_idle()
    assert daemon.objects() == ALL


def test_pass_is_postponed_while_another_process_holds_the_work_lock(running: Daemon) -> None:
    with WorkLock(running.state):
        running.lab.virsh("destroy", "web1")
        running.wait_for("pass.broken_off")

    running.wait_for("action.done", key="Domain/web1", verb="start")
    assert running.is_running()


def test_guests_with_hanging_qemu_delay_no_other_object(running: Daemon) -> None:
    names = [f"hung{number}" for number in range(6)]
    spec = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {{name: {}}}\nspec: {{type: qemu, memory: 32MiB, vcpus: {{count: {}, maximum: 2}}}}\n"
    for name in names:
        (running.specs / f"{name}.yaml").write_text(spec.format(name, 1))
    wait_until(lambda: running.done("start") >= {f"Domain/{name}" for name in names}, "all have started")
    running.wait_until_idle(in_sync=OBJECTS + len(names))
    pids = " ".join(running.lab.exec("cat", f"/run/libvirt/qemu/{name}.pid") for name in names)

    running.lab.signal("STOP", "qemu-system", *pids.split())
    # More than libvirt serves at once on one connection, and not all in one plan.
    for name in names:
        (running.specs / f"{name}.yaml").write_text(spec.format(name, 2))
        running.wait_for("action.started", key=f"Domain/{name}")
    running.lab.virsh("destroy", "web1")
    running.wait_for("action.done", key="Domain/web1", verb="start")

    assert "action.failed" not in {line["event"] for line in running.lines()}
    running.lab.signal("CONT", "qemu-system", *pids.split())
