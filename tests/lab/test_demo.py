"""The demo shows what it promises, and fails if it cannot."""

import os
import subprocess
import sys

import pytest

from tests.lab.demo import GUESTS, ROOT
from tests.lab.lab import Lab


def demo(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.lab.demo", *options]
    environment = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def lab_of(shown: str) -> Lab:
    return Lab(shown.splitlines()[0].rpartition("/")[2])


def test_demo_applies_an_edit_restarts_a_destroyed_guest_and_leaves_no_trace() -> None:
    done = demo()

    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    answers = [line for line in said if "answers: Linux" in line]
    assert [line.split()[0] for line in answers] == [*GUESTS, "web2"]
    assert "db1 sees disks vda vdb" in said
    assert "Nothing to do: 10 in sync." in said
    assert not lab_of(done.stdout).path.exists()


@pytest.mark.full
def test_kept_lab_can_be_inspected() -> None:
    done = demo("--keep")
    lab = lab_of(done.stdout)
    try:
        assert done.returncode == 0, done.stderr
        assert set(lab.virsh("list", "--name").split()) == set(GUESTS)
        assert f"./dev lab -n {lab.name} down" in done.stdout
    finally:
        subprocess.run([ROOT / "dev", "lab", "-n", lab.name, "down"], check=True)
    assert not lab.path.exists()


def test_idle_daemon_fails_the_demo_and_its_log_is_printed() -> None:
    done = demo("--within", "5", KVMRECONCILE_EXECUTOR="dry-run")

    assert done.returncode == 1
    assert "demo: not within 5.0 s: web1 runs" in done.stderr
    assert "The daemon's log:" in done.stderr
    assert not lab_of(done.stdout).path.exists()
