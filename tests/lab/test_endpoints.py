"""A daemon with a second endpoint: each is reconciled while the other is down, and approvals and metrics include both."""

import json
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.daemon import OBJECTS, Daemon
from tests.lab.lab import Lab
from tests.lab.test_control import call
from tests.lab.test_statistics import scrape
from tests.plugin.installed import FILE, install
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the installed package, whose kind HostFile has an endpoint of its own."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def extended(daemon: Daemon, installed: Path, tmp_path: Path) -> Daemon:
    """A daemon with the package, a control socket, a file besides the objects of libvirt, and nothing left to do."""
    (tmp_path / "files").mkdir()
    daemon.environment |= {
        "PYTHONPATH": str(installed),
        "KVMRECONCILE_FILES": str(tmp_path / "files"),
        "KVMRECONCILE_CONTROL": f"{{socket: {tmp_path}/control.sock}}",
    }
    write(daemon, "motd", "first")
    daemon.start()
    daemon.wait_until_idle(in_sync=OBJECTS + 1)
    return daemon


def write(daemon: Daemon, name: str, content: str, labels: str = "") -> None:
    """Write the spec of a file."""
    text = FILE.format(name=name, content=content, labels=labels)
    (daemon.specs / f"{name}.yaml").write_text(text)


def content(daemon: Daemon, name: str) -> str | None:
    """Return the content of a file, or None if it does not exist."""
    path = Path(daemon.environment["KVMRECONCILE_FILES"]) / name
    return path.read_text() if path.exists() else None


def conditions(daemon: Daemon) -> dict[str, str]:
    """Return the condition of each object."""
    status = json.loads(call(daemon, "status", "-o", "json").stdout)
    return {each["key"]: each["condition"] for each in status["objects"]}


def started(daemon: Daemon, after: int = 0) -> set[tuple[str, str]]:
    """Return the actions, each as its key and verb, that were started after a number of lines of the log."""
    lines = daemon.lines()[after:]
    return {(line["key"], line["verb"]) for line in lines if line["event"] == "action.started"}


def identities(daemon: Daemon) -> dict[str, str]:
    """Return what changes when an object is created again or the guest is restarted."""
    lab = daemon.lab
    return {
        "process": lab.pid_of("web1"),
        "run": lab.virsh("domid", "web1"),
        **{f"{word}list": lab.virsh(f"{word}list", "--all", "--uuid") for word in ("", "net-", "pool-")},
        "volumes": lab.virsh("vol-list", "demo"),
    }


def outage(lab: Lab, how: str) -> AbstractContextManager[None]:
    """Kill or freeze libvirt's main daemon until the end of a block."""
    return lab.frozen() if how == "frozen" else lab.without(lab.main_daemon)


@pytest.mark.figures
@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_file_is_written_while_libvirt_is_down_and_nothing_of_libvirt_is_touched(
    extended: Daemon, how: str
) -> None:
    before, lines = identities(extended), len(extended.lines())

    with outage(extended.lab, how):
        first_s = seconds_until_written(extended, "second")
        wait_until(lambda: are_unknown(extended), "objects of libvirt are unknown")
        next_s = seconds_until_written(extended, "third")
        print(f"libvirtd {how}: file written {first_s:.1f} s after its spec, the next time {next_s:.1f} s")
        extended.edit("web1.yaml", "spec:\n", "spec:\n  title: Edited meanwhile\n")
        wait_until(partial(has_pass_ended, extended, len(extended.lines())), "a pass reads the edit")
    for title in ("Edited meanwhile", "Edited afterwards"):
        wait_until(partial(has_title, extended, title), "the edit is applied")
        extended.edit("web1.yaml", title, "Edited afterwards")
    wait_until(lambda: call(extended, "status").exit_code == 0, "everything is in sync")

    assert {key for key, _ in started(extended, lines)} == {"HostFile/motd", "Domain/web1"}
    assert identities(extended) == before


def seconds_until_written(daemon: Daemon, text: str) -> float:
    """Edit the spec of the file, and return how long it took until the file was written."""
    began_s = time.monotonic()
    write(daemon, "motd", text)
    wait_until(lambda: content(daemon, "motd") == text, "the file is written")
    return time.monotonic() - began_s


def has_title(daemon: Daemon, title: str) -> bool:
    """Return whether the guest has a title."""
    return daemon.lab.virsh("desc", "web1", "--title").strip() == title


def has_pass_ended(daemon: Daemon, after: int) -> bool:
    """Return whether a pass has ended after a number of lines of the log."""
    return any(line["event"] == "pass.ended" for line in daemon.lines()[after:])


def are_unknown(daemon: Daemon) -> bool:
    """Return whether exactly the objects of libvirt are unknown."""
    found = conditions(daemon)
    unknown = {key for key, condition in found.items() if condition == "Unknown"}
    return len(unknown) == OBJECTS and found["HostFile/motd"] == "Ready"


@pytest.mark.figures
@pytest.mark.timeout(300)
def test_daemon_stops_and_starts_while_libvirt_hangs(extended: Daemon) -> None:
    before = identities(extended)

    with extended.lab.frozen():
        began_s = time.monotonic()
        assert extended.process.stop() == 0
        stopped_s = time.monotonic() - began_s
        extended.start()
        written_s = seconds_until_written(extended, "second")
        print(
            f"libvirtd frozen: stopped in {stopped_s:.1f} s, file written {written_s:.1f} s after the start"
        )
        wait_until(lambda: are_unknown(extended), "objects of libvirt are unknown")
        assert extended.process.stop() == 0
        extended.start()
    wait_until(lambda: call(extended, "status").exit_code == 0, "everything is in sync")

    assert started(extended) == set()
    assert identities(extended) == before


def test_libvirt_is_reconciled_while_the_directory_of_files_is_away(extended: Daemon, tmp_path: Path) -> None:
    before, lines = identities(extended), len(extended.lines())
    files = tmp_path / "files"

    files.rename(tmp_path / "away")
    wait_until(lambda: conditions(extended)["HostFile/motd"] == "Unknown", "the file is unknown")
    extended.edit("web1.yaml", "spec:\n", "spec:\n  title: Edited\n")
    wait_until(partial(has_title, extended, "Edited"), "the edit is applied")
    write(extended, "motd", "second")
    (tmp_path / "away").rename(files)

    wait_until(lambda: content(extended, "motd") == "second", "the file is written")
    assert {key for key, _ in started(extended, lines)} == {"HostFile/motd", "Domain/web1"}
    assert identities(extended) == before


def test_approval_of_a_plan_opens_only_the_gate_that_says_so_and_metrics_count_the_files(
    extended: Daemon,
) -> None:
    write(extended, "issue", "hello", "confirm: always")
    write(extended, "hosts", "hello", "frozen: until-further-notice")
    held = {"HostFile/issue": "Held", "HostFile/hosts": "Held"}
    wait_until(lambda: held.items() <= conditions(extended).items(), "both are held")
    assert files_in_metrics(extended) == {"Ready": 1, "Held": 2}

    approved = call(extended, "approve", plan(extended))

    assert approved.exit_code == 0, approved.stderr
    wait_until(lambda: conditions(extended)["HostFile/issue"] == "Ready", "the approved file is ready")
    assert content(extended, "issue") == "hello"
    assert files_in_metrics(extended) == {"Ready": 2, "Held": 1}

    again = call(extended, "approve", plan(extended))

    assert "nothing was approved" in again.stderr
    assert conditions(extended)["HostFile/hosts"] == "Held"
    assert content(extended, "hosts") is None


def plan(daemon: Daemon) -> str:
    """Return the digest of the current plan."""
    return str(json.loads(call(daemon, "status", "-o", "json").stdout)["plan"])


def files_in_metrics(daemon: Daemon) -> dict[str, int]:
    """Return the number of files in each condition that any of them has."""
    return {
        sample.labels["condition"]: int(sample.value)
        for family in text_string_to_metric_families(scrape(daemon))
        for sample in family.samples
        if sample.name == "kvmreconcile_objects" and sample.labels["kind"] == "HostFile" and sample.value
    }
