"""A kind with an endpoint of its own, an expander and gates of another package work without a change to kvmreconcile."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import NETWORK, Process
from tests.plugin.installed import FILE
from tests.waiting import wait_until

SET = """\
apiVersion: kvmreconcile/v1
kind: FileSet
metadata: {name: notes}
spec: {names: [one, two], content: same}
"""
UNREACHABLE = "qemu+unix:///system?socket=/nonexistent/libvirt-sock"


class Host(Process):
    """A daemon with the package, on a directory of files."""

    @property
    def files(self) -> Path:
        return self.home / "files"

    def write(self, name: str, content: str, labels: str = "") -> None:
        (self.home / "specs").mkdir(exist_ok=True)
        text = FILE.format(name=name, content=content, labels=labels)
        (self.home / "specs" / f"{name}.yaml").write_text(text)

    def content(self, name: str) -> str | None:
        path = self.files / name
        return path.read_text() if path.exists() else None

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            "KVMRECONCILE_CONNECT": "test:///default",
            "KVMRECONCILE_STATE": str(self.home / "state"),
            **self.settings,
        }
        command = [sys.executable, "-m", "kvmreconcile", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def conditions(self) -> dict[str, str]:
        """Return the conditions of objects, empty while the daemon does not answer."""
        found = self.command("status", "-o", "json").stdout
        return {each["key"]: each["condition"] for each in json.loads(found)["objects"]} if found else {}


@pytest.fixture
def host(tmp_path: Path, installed: Path) -> Iterator[Host]:
    settings = {
        "PYTHONPATH": str(installed),
        "KVMRECONCILE_FILES": str(tmp_path / "files"),
        "KVMRECONCILE_CONTROL": f"{{socket: {tmp_path}/control.sock}}",
        "KVMRECONCILE_SETTLE": "{removal: 0s}",
    }
    host = Host(tmp_path, settings)
    host.files.mkdir()
    yield host
    if host.popen and host.popen.poll() is None:
        host.popen.kill()
        host.popen.communicate()


def test_objects_of_another_endpoint_are_planned_converged_and_recorded(host: Host) -> None:
    host.write("motd", "hello")

    planned = json.loads(host.command("plan", "-o", "json", str(host.home / "specs")).stdout)
    host.start()
    wait_until(lambda: host.content("motd") == "hello", "the file is written")
    host.write("motd", "changed")
    wait_until(lambda: host.content("motd") == "changed", "the edit is applied")
    (host.files / "motd").write_text("by hand")
    wait_until(lambda: host.content("motd") == "changed", "the change of another tool is reverted")

    assert [action["key"] for action in planned["actions"]] == ["HostFile/motd"]
    wait_until(lambda: host.conditions().get("HostFile/motd") == "Ready", "the status says so")
    history = json.loads(host.command("history", "HostFile/motd", "-o", "json").stdout)["entries"]
    assert {(entry["verb"], entry["result"]) for entry in history if entry["what"] == "step"} == {
        ("create", "done"),
        ("define", "done"),
    }


def test_documents_that_stand_for_others_have_their_objects_shown_under_them(host: Host) -> None:
    (host.home / "specs").mkdir()
    (host.home / "specs/set.yaml").write_text(SET)
    host.start()

    wait_until(lambda: (host.content("one"), host.content("two")) == ("same", "same"), "both are written")

    wait_until(lambda: "FileSet/notes" in host.command("status").stdout, "the status shows the owner")
    history = json.loads(host.command("history", "FileSet/notes", "-o", "json").stdout)["entries"]
    assert {entry["key"] for entry in history} == {"HostFile/one", "HostFile/two"}


def test_endpoint_that_is_down_makes_its_objects_unobservable_and_no_others(host: Host) -> None:
    host.write("motd", "hello")
    host.start()
    wait_until(lambda: host.conditions().get("HostFile/motd") == "Ready", "both endpoints are up")

    host.files.rename(host.home / "away")
    wait_until(lambda: host.conditions().get("HostFile/motd") == "Unknown", "the endpoint is down")
    (host.home / "specs/lab.yaml").write_text(NETWORK + "---\n" + NETWORK.replace("name: lab", "name: side"))
    wait_until(lambda: host.conditions().get("Network/side") == "Ready", "objects of libvirt converge")
    host.write("motd", "later")
    (host.home / "away").rename(host.files)

    wait_until(lambda: host.content("motd") == "later", "the endpoint is up again")
    wait_until(lambda: host.conditions().get("HostFile/motd") == "Ready", "the status says so")


def test_objects_of_other_endpoints_converge_while_libvirt_is_down(host: Host) -> None:
    host.settings["KVMRECONCILE_CONNECT"] = UNREACHABLE
    host.write("motd", "hello")
    host.start()

    wait_until(lambda: host.content("motd") == "hello", "the file is written")

    wait_until(lambda: host.conditions().get("Network/lab") == "Unknown", "libvirt's objects are unknown")
    plan = host.command("plan", str(host.home / "specs"))
    assert "objects of libvirt cannot be observed" in plan.stderr
    assert "1 in sync" in plan.stdout


@pytest.mark.parametrize(
    ("label", "opened"), [("confirm: always", True), ("frozen: until-further-notice", False)]
)
def test_approval_opens_only_the_gate_that_says_so(host: Host, label: str, *, opened: bool) -> None:
    host.write("motd", "hello", label)
    specs = str(host.home / "specs")
    plan = json.loads(host.command("plan", "-o", "json", specs).stdout)

    host.command("apply", "--yes", "--approve", plan["digest"], specs)

    assert [(held["key"], held["hold"]) for held in plan["held"]] == [
        ("HostFile/motd", "gate" if opened else "closed")
    ]
    assert (host.content("motd") == "hello") is opened
    assert bool(plan.get("approve")) is opened


def test_files_without_a_spec_are_adopted_only_by_name(host: Host) -> None:
    (host.files / "issue").write_text("host")

    every = host.command("adopt", "--all")
    named = host.command("adopt", "HostFile/issue")

    assert "HostFile/issue" not in every.stdout
    assert "content: host" in named.stdout
