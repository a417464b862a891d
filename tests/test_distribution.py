"""Tests of one file run in one process: they share a lab, which other processes must not change."""

import os
import subprocess
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[1]
FILE = """
import os, pathlib, time
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    time.sleep(0.05)
    with (pathlib.Path(__file__).parent / "workers").open("a") as log:
        print(pathlib.Path(__file__).name, os.environ["PYTEST_XDIST_WORKER"], file=log)
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    names = [tmp_path / f"test_{letter}.py" for letter in "abc"]
    for name in names:
        name.write_text(FILE)
    return [*map(str, names)]


@pytest.mark.case("56")
def test_dev_script_runs_all_tests_of_a_file_in_one_process(files: list[str], tmp_path: Path) -> None:
    done = run(str(CLONE / "dev"), "test", "--numprocesses=2", *files)

    assert done.returncode == 0, done.stdout
    assert "18 passed" in done.stdout
    ran = {tuple(line.split()) for line in (tmp_path / "workers").read_text().splitlines()}
    assert sorted(file for file, _ in ran) == ["test_a.py", "test_b.py", "test_c.py"]
    assert len({worker for _, worker in ran}) == 2


@pytest.mark.case("56")
def test_run_that_splits_a_test_file_between_workers_fails_and_reports_the_file(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((CLONE / "tests/conftest.py").read_text())
    (tmp_path / "test_a.py").write_text(FILE)

    done = run(".venv/bin/python", "-m", "pytest", "--numprocesses=2", "--dist=load", str(tmp_path))

    assert done.returncode == 1, done.stdout
    assert "test_a.py: its tests ran in several processes" in done.stdout


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))
    }
    return subprocess.run(
        (*command, "-p", "no:cacheprovider", "--no-header"),
        check=False,
        cwd=CLONE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
