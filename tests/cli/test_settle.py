"""One-time commands hold removals for the settle time, which starts at the change times of the spec files."""

import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import Result

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded
from tests.cli.conftest import Host, network

KEEP, DROP = Key("Network", "keep"), Key("Network", "drop")


@pytest.fixture
def both(host: Host) -> Host:
    """A host with two networks, one of which has just lost its spec."""
    host.write("a.yaml", network("keep"))
    host.write("b.yaml", network("drop"))
    assert host.run("apply", str(host.specs), "--yes").exit_code == 0
    (host.specs / "b.yaml").unlink()
    return host


def apply(host: Host, *words: str) -> Result:
    return host.run("apply", str(host.specs), "--yes", "--prune", "auto", *words)


def names(host: Host) -> set[str]:
    return {found.name() for found in host.virt.listAllNetworks()}


def read(*paths: Path) -> Loaded:
    return load(paths, {kind.name: kind for kind in KINDS}, "test")


def since(loaded: Loaded) -> tuple[float, float]:
    """Return since when the existing spec, and the deleted one, are unchanged."""
    said = loaded.first_seen
    return said.since_s.get(KEEP, said.rest_s), said.since_s.get(DROP, said.rest_s)


@pytest.mark.case("8a")
def test_removal_is_held_during_settle_time_and_apply_does_not_wait(both: Host) -> None:
    began_s = time.monotonic()

    result = apply(both)

    assert result.exit_code == 3
    assert (
        "remove held: the specs are not known to have been unchanged for long enough (its spec is known to have been missing for 0 s; a removal or replacement needs 30 s)"
        in result.output
    )
    assert "to release it: wait, or approve this plan; kvmreconcile apply --approve" in result.output
    assert names(both) == {"keep", "drop"}
    assert time.monotonic() - began_s < 20.0


@pytest.mark.case("8a")
def test_approved_removal_does_not_wait_for_the_settle_time(both: Host) -> None:
    digest = apply(both).output.split("--approve ")[1].split()[0]

    assert apply(both, "--approve", digest).exit_code == 0
    assert names(both) == {"keep"}


@pytest.mark.case("8a")
def test_removal_needs_no_approval_after_the_settle_time(both: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_SETTLE", "{removal: 3s}")
    assert apply(both).exit_code == 3

    time.sleep(3.0)

    assert apply(both).exit_code == 0
    assert names(both) == {"keep"}


def test_json_plan_contains_the_end_of_a_hold(both: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_PRUNE", "{Network: auto}")

    plan = json.loads(both.run("plan", str(both.specs), "-o", "json").stdout)

    assert [(held["key"], held["hold"], bool(held["until"])) for held in plan["held"]] == [
        ("Network/drop", "settle", True)
    ]


def test_time_of_a_file_is_the_time_of_its_last_change(tmp_path: Path) -> None:
    file = tmp_path / "specs/a.yaml"
    file.parent.mkdir()
    file.write_text(network("keep"))
    os.utime(file, (1, 1))

    assert since(read(file.parent)) == (file.stat().st_ctime, file.stat().st_ctime)
    assert since(read(file))[0] == file.stat().st_ctime


def test_time_of_a_directory_is_the_time_of_its_last_added_or_removed_entry(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    (specs / "deep").mkdir(parents=True)
    (specs / "a.yaml").write_text(network("keep"))
    (specs / "deep/b.yaml").write_text(network("drop"))
    time.sleep(0.1)

    (specs / "deep/b.yaml").unlink()

    there, gone = since(read(specs))
    assert there == (specs / "a.yaml").stat().st_ctime
    assert gone == (specs / "deep").stat().st_ctime
    assert gone > there


@pytest.mark.parametrize("turned", ["the directory's own", "one on the way", "one of a file"])
def test_time_of_a_linked_file_includes_changes_of_the_link(tmp_path: Path, turned: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "specs").mkdir(parents=True)
        (tmp_path / name / "specs/real.txt").write_text(network("keep"))
        (tmp_path / name / "specs/a.yaml").write_text(network("keep"))
    link = tmp_path / "one/specs/a.yaml" if turned == "one of a file" else tmp_path / "link"
    link.unlink(missing_ok=True)
    time.sleep(0.1)
    link.symlink_to({"the directory's own": "two/specs", "one of a file": "real.txt"}.get(turned, "two"))

    specs = {"the directory's own": link, "one on the way": link / "specs"}.get(turned, link.parent)
    newest = max(link.lstat().st_ctime, specs.stat().st_ctime)
    assert since(read(specs)) == (newest, newest)


def test_settings_can_disable_the_settle_time(both: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_SETTLE", "{removal: 0s}")

    assert apply(both).exit_code == 0
    assert names(both) == {"keep"}
