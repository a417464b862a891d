"""The parser of traces returns the calls, with the files and the user of each call."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.state import strace
from tests.state.strace import Call

NOBODY = 65534
PROGRAM = """
import ctypes, os, subprocess, threading
libc = ctypes.CDLL(None)
os.access("marks/begin", os.R_OK)
os.close(os.open("a b", os.O_RDWR | os.O_CREAT, 0o666))
os.symlink("target", "link")
libc.setfsuid(65534)
os.stat("as-nobody")
thread = threading.Thread(target=lambda: os.stat("in-its-thread"))
thread.start()
thread.join()
libc.setfsuid(0)
handle = os.open("link", os.O_WRONLY)
os.fchmod(handle, 0o600)
here = os.open(".", os.O_RDONLY)
os.rename("a b", "n\\u00e9w", dst_dir_fd=here)
subprocess.run(["/bin/mkdir", "by-root"])
subprocess.run(["/usr/bin/stat", "by-nobody"], user=65534, group=65534, extra_groups=[])
os.unlink("n\\u00e9w")
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("here")
    directory.chmod(0o755)
    for name in ("target", "as-nobody", "in-its-thread"):
        (directory / name).touch()
    return directory


@pytest.fixture(scope="module")
def seen(here: Path) -> list[Call]:
    log = here.parent / "trace"
    subprocess.run([*strace.command(log), sys.executable, "-c", PROGRAM], cwd=here, check=True)
    with log.open(encoding="utf-8") as lines:
        return list(strace.after(strace.calls(lines, directory=str(here)), here / "marks"))


def names(call: Call, here: Path) -> tuple[str, ...]:
    """Return the names of the files in a directory that a call accessed."""
    return tuple(Path(path).name for path in call.paths if Path(path).parent == here)


def test_trace_shows_the_user_that_accessed_each_file(seen: list[Call], here: Path) -> None:
    users = {
        each: {call.uid for call in seen if names(call, here) == each}
        for each in {names(call, here) for call in seen}
    }

    by_nobody = {("as-nobody",), ("in-its-thread",), ("by-nobody",)}
    by_root = {("a b",), ("link",), ("a b", "néw"), ("by-root",), ("néw",), ("target",)}
    assert {each: users[each] for each in by_nobody} == {each: {NOBODY} for each in by_nobody}
    assert {each: users[each] for each in by_root} == {each: {0} for each in by_root}


def test_calls_that_change_a_file_are_distinguished_from_reads(seen: list[Call], here: Path) -> None:
    changed = {names(call, here) for call in seen if call.writes} - {()}

    assert changed == {("a b",), ("link",), ("target",), ("a b", "néw"), ("by-root",), ("néw",)}


def test_target_of_a_link_is_recorded_as_the_kernel_opened_it(seen: list[Call], here: Path) -> None:
    (opened,) = [call for call in seen if names(call, here) == ("link",) and call.opened]

    assert opened.opened == str(here / "target")
