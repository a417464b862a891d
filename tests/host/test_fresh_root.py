"""A Debian with nothing but a clone: the clone sets itself up once, and then needs no network."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FRESH_ROOT = Path(__file__).with_name("fresh-root")

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Root:
    """A root directory, and the name of the Debian in it."""

    directory: Path
    release: str


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def bare_root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    directory = tmp_path_factory.mktemp("host") / "root"
    yield Root(directory, request.param)
    shutil.rmtree(directory)


def test_fresh_debian_is_set_up_and_runs_a_lab(bare_root: Root) -> None:
    for visit in ("first", "second"):
        begin = time.monotonic()
        said = run(bare_root, "./dev lab up && ./dev lab exec virsh version && ./dev lab down")
        print(f"{visit} lab on a bare {bare_root.release}: {time.monotonic() - begin:.1f} s")

        assert "Running hypervisor: QEMU" in said


def test_lab_tests_pass_on_the_fresh_debian(bare_root: Root) -> None:
    begin = time.monotonic()
    said = run(bare_root, "./dev test tests/lab/test_lab.py")
    print(f"with the tests: {time.monotonic() - begin:.1f} s")

    assert " passed" in said


def test_demo_runs_on_the_fresh_debian(bare_root: Root) -> None:
    begin = time.monotonic()
    said = run(bare_root, "./dev demo")
    print(f"with the demo: {time.monotonic() - begin:.1f} s")

    assert "Nothing to do: 10 in sync." in said


def test_repeated_test_run_needs_no_network(bare_root: Root) -> None:
    begin = time.monotonic()
    said = run(bare_root, "unshare --net ./dev test tests/lab/test_lab.py -k tiny_guest_answers")
    print(f"and once more, without network: {time.monotonic() - begin:.1f} s")

    assert "1 passed" in said
    assert "dev:" not in said


def run(root: Root, script: str) -> str:
    """Run a shell script in the clone of a minimal root, and return its output."""
    return subprocess.run(
        [str(FRESH_ROOT), "sh", "-c", script],
        check=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "KEEP": str(root.directory), "RELEASE": root.release},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout
