"""A daemon with ignored spec files continues, reports them once, and removes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import NETWORK, Process

pytestmark = pytest.mark.case("46")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(
        tmp_path, {"KVMRECONCILE_PRUNE": "{Network: auto}", "KVMRECONCILE_SETTLE": "{removal: 0s}"}
    )
    (tmp_path / "specs").mkdir()
    yield process
    if process.popen and process.popen.poll() is None:
        process.popen.kill()
        process.popen.communicate()


def lines(process: Process) -> list[dict[str, str]]:
    return [json.loads(line) for line in process.read.splitlines()]


def test_daemon_without_specs_notices_edits_of_the_ignore_file(process: Process) -> None:
    specs = process.home / "specs"
    (specs / ".kvmreconcileignore").write_text("lab.yaml\n")

    process.start()
    problem = process.wait_for("spec.wrong")
    process.wait_for("pass.ended")
    (specs / "more.yaml").write_text("# nothing yet\n")
    process.wait_for("pass.ended")

    assert problem["where"] == str(specs)
    assert "lab.yaml is excluded by .kvmreconcileignore" in problem["what"]

    (specs / ".kvmreconcileignore").write_text("# nothing\n")

    assert process.wait_for("object.created")["key"] == "Network/lab"
    problems = [line["what"] for line in lines(process) if line["event"] == "spec.wrong"]
    assert len(problems) == len(set(problems)) <= 2


def test_object_stays_when_its_spec_file_becomes_a_file_of_another_program(process: Process) -> None:
    specs = process.home / "specs"
    (specs / "other.yaml").write_text(NETWORK.replace("name: lab", "name: other"))
    process.start()
    process.wait_for("object.created")
    process.wait_for("pass.ended")

    (specs / "lab.yaml").write_text("services:\n  web: {image: nginx}\n")

    warning = process.wait_for("spec.warning")
    assert (warning["where"], warning["what"]) == (
        f"{specs}/lab.yaml",
        "looks like a Docker Compose file and was skipped",
    )
    held = process.wait_for("object.held")
    assert (held["key"], held["why"]) == ("Network/lab", "the file of the last spec was not read")
    process.wait_for("pass.ended")
    (specs / "lab.yaml").write_text(NETWORK)
    process.wait_for("object.released")
    process.wait_for("spec.warning_over")
    assert not [line for line in lines(process) if line.get("verb") == "remove"]
