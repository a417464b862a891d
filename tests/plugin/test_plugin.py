"""The planner and executor of an installed third-party package work in the unchanged daemon."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import NETWORK, Process

PACKAGE = Path(__file__).parent
PAGE = PACKAGE.parents[1] / "docs/extending.md"
LEFT = NETWORK.replace("{name: lab}", "{name: left, labels: {hands: off}}")
CHOSEN = {"KVMRECONCILE_PLANNER": "careful", "KVMRECONCILE_EXECUTOR": "counting"}


@pytest.fixture
def process(tmp_path: Path, installed: Path) -> Iterator[Process]:
    process = Process(tmp_path, {**CHOSEN, "PYTHONPATH": str(installed)})
    yield process
    if process.popen and process.popen.poll() is None:
        process.popen.kill()
        process.popen.communicate()


def test_third_party_planner_and_executor_work_in_the_daemon(process: Process) -> None:
    specs = process.home / "specs"
    specs.mkdir()
    (specs / "left.yaml").write_text(LEFT)
    process.start()

    held = process.wait_for("object.held")
    counted = process.wait_for("careful.counted")
    ended = process.wait_for("pass.ended")

    assert (held["key"], held["why"]) == ("Network/left", "it is suspended")
    assert "labelled hands: off" in held["detail"]
    assert (counted["done"], counted["plan"], counted["pass_id"]) == (2, held["plan"], held["pass_id"])
    assert (ended["done"], ended["held"]) == (2, 2)
    assert process.wait_for("pass.ended")["in_sync"] == 1
    assert steps(process) == [
        ("held", "Network/left", "create, start"),
        ("step", "Network/lab", "create"),
        ("step", "Network/lab", "start"),
    ]


def steps(process: Process) -> list[tuple[str, str, str]]:
    """Return the entries of the history about objects."""
    command = [sys.executable, "-m", "kvmreconcile", "history", "-o", "json"]
    result = subprocess.run(
        [*command, "--state", str(process.home / "state")], capture_output=True, check=True, text=True
    )

    return [
        (entry["what"], entry["key"], entry["verb"])
        for entry in json.loads(result.stdout)["entries"]
        if "key" in entry
    ]


@pytest.mark.parametrize(
    "file",
    [
        "pyproject.toml",
        *(
            f"kvmreconcile_careful/{name}.py"
            for name in ("planner", "executor", "files", "file_set", "gates")
        ),
    ],
)
def test_docs_page_shows_the_current_source_of_the_package(file: str) -> None:
    page, text = PAGE.read_text(), (PACKAGE / file).read_text()

    shown = text[text.index("[project.entry-points") :] if file == "pyproject.toml" else text

    assert f"```{'toml' if file.endswith('toml') else 'python'}\n{shown}```" in page
