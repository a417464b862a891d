"""`fetch`, and specs that other commands read from the repository's current commit."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kvmreconcile.cli.app import app
from tests.origin import Origin

NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def call(tmp_path: Path, *words: str, git: str = "") -> Result:
    settings = {"KVMRECONCILE_STATE": str(tmp_path / "state"), "KVMRECONCILE_GIT": git}
    return CliRunner(env=settings).invoke(app, list(words), catch_exceptions=False)


def test_help_states_that_a_running_daemon_applies_the_commit() -> None:
    command = [sys.executable, "-m", "kvmreconcile", "fetch", "--help"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "A running daemon applies the commit in its next pass." in " ".join(shown.split())


def test_commit_is_fetched_and_then_read(origin: Origin, tmp_path: Path) -> None:
    git = f"{{url: {origin.path}}}"
    commit = origin.commit(NETWORK)

    before = call(tmp_path, "validate", git=git)
    fetched = call(tmp_path, "fetch", git=git)
    again = call(tmp_path, "fetch", git=git)
    after = call(tmp_path, "validate", git=git)

    assert before.exit_code == 1
    assert (
        "no commit has been checked out yet, or the files of the current commit are damaged; run: kvmreconcile fetch"
        in before.output
    )
    assert fetched.stdout.startswith(f"{commit[:12]} apiVersion: kvmreconcile/v1")
    assert "is now in use" in fetched.stdout
    assert "is already in use" in again.stdout
    assert after.stdout == "1 object in 1 file is valid\n"


def test_problem_in_a_commit_names_the_path_in_the_repository(origin: Origin, tmp_path: Path) -> None:
    git = f"{{url: {origin.path}, directory: hosts/kvm1}}"
    origin.commit(NETWORK.replace("spec: {}", "spec: {mod: nat}"), name="hosts/kvm1/lab.yaml")

    call(tmp_path, "fetch", git=git)
    result = call(tmp_path, "validate", git=git)

    assert result.exit_code == 1
    assert result.output.startswith("hosts/kvm1/lab.yaml:4:8: Network/lab: unknown field 'mod'")


def test_fetch_without_a_configured_repository_is_refused(tmp_path: Path) -> None:
    result = call(tmp_path, "fetch")

    assert result.exit_code == 1
    assert "git: no git repository is configured; set git.url" in result.output


@pytest.mark.parametrize(("git", "said"), [("{}", "url"), ("{url: x, poll: 1}", "poll")])
def test_invalid_settings_are_reported_by_name(tmp_path: Path, git: str, said: str) -> None:
    result = call(tmp_path, "fetch", git=git)

    assert result.exit_code == 1
    assert f"git.{said}" in result.output
