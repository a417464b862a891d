"""Commands of root access no file outside the state directory, even if its owner swaps links in it."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.mock import OWN
from tests.origin import Origin
from tests.state import strace
from tests.state.strace import Call

NOBODY = 65534
RUNS, ALL_RUNS = 5, 200
_ALL_EVENTS = 0xFFF
SPEC = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"
OTHERS_WRITE = (Path("/run/libvirt"), Path("/dev"), Path.home() / ".cache/kvmreconcile")
"""Directories of libvirt and QEMU, which never read the state, and of their capabilities cache."""
_HERE = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")


@pytest.fixture
def home() -> Iterator[Path]:
    # Not below pytest's own directories, which only root can traverse.
    with TemporaryDirectory(dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        origin = Origin(Path(made))
        origin.commit(SPEC, key="alice")
        origin.allow("alice")
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", origin.path], check=True)
        (Path(made) / "settings.yaml").write_text("{}\n")
        (Path(made) / "state").mkdir()
        os.chown(Path(made) / "state", NOBODY, NOBODY)
        yield Path(made)


def watched(file: Path) -> int:
    """Return an inotify(7) handle that reports every use of a file from now on."""
    libc = ctypes.CDLL(None)
    handle: int = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(handle, os.fsencode(file), _ALL_EVENTS) > 0
    return handle


def uses(handle: int) -> bytes:
    """Stop watching a file, and return its recorded uses; empty if there were none."""
    try:
        return os.read(handle, 4096)
    except BlockingIOError:
        return b""
    finally:
        os.close(handle)


def files(directory: Path) -> dict[str, tuple[int, int, int, int, bytes]]:
    """Return the inode number, owner, group, mode and content of each file."""
    found = {}
    for path in directory.rglob("*"):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_ino, status.st_uid, status.st_gid, status.st_mode, content)
    return found


@pytest.mark.case("16")
@pytest.mark.case("17")
@pytest.mark.figures
@pytest.mark.timeout(3600)
def test_commands_of_root_follow_no_link_out_of_the_state_directory(
    home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    runs = ALL_RUNS if request.config.getoption("--full") else RUNS
    safe, state, log, marks = home / "roots", home / "state", home / "trace", home / "marks"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    safe.mkdir(mode=0o700)
    canary = safe / "canary"
    canary.write_text("root's")
    canary.chmod(0o600)
    before, watch = files(safe), watched(canary)

    swapper = subprocess.Popen(
        [sys.executable, "-m", "tests.state.link_attacker", str(state), str(canary), str(NOBODY), "5"]
    )
    try:
        done = subprocess.run(
            [*strace.command(log), sys.executable, "-m", "tests.state.root_commands", str(runs), str(marks)],
            cwd=_HERE, env=environment(home, temporary), check=True, capture_output=True, text=True,
        )  # fmt: skip
    finally:
        swapper.kill()
        swapper.wait()
    used, said = uses(watch), json.loads(done.stdout)

    count, by_owner, wrong, signature = 0, 0, [], 0
    with log.open(encoding="utf-8") as lines:
        for call in strace.after(strace.calls(lines, directory=str(_HERE)), marks):
            count += 1
            by_owner += call.uid == NOBODY and is_in(state, call)
            signature += str(state / "git/signature") in call.paths
            if not is_right(call, home, temporary):
                wrong.append(call)
    print(f"{runs} runs each, {count} calls, {by_owner} of them as the owner in the state;", end=" ")
    print(f"got on in spite of it: {said['succeeded']}")
    assert not said["escaped"], said["escaped"][0]
    assert by_owner
    assert signature, "no signature was checked"
    assert not wrong, strace.in_words(wrong)
    assert not used
    assert files(safe) == before
    assert {path.lstat().st_uid for path in state.rglob("*")} == {NOBODY}


@pytest.mark.case("16")
def test_link_in_place_of_a_state_file_is_examined_with_the_rights_of_the_owner(
    home: Path, tmp_path: Path
) -> None:
    (home / "state/state.sqlite3-journal").symlink_to(home / "settings.yaml")
    log = home / "trace"

    done = subprocess.run(
        [*strace.command(log), sys.executable, "-m", "kvmreconcile", "history"],
        cwd=_HERE, env=environment(home, tmp_path), check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert "put the file itself in place of the link, or remove the link" in done.stderr
    with log.open(encoding="utf-8") as lines:
        calls = [c for c in strace.calls(lines, directory=str(_HERE)) if is_in(home / "state", c)]
    assert calls
    assert not [call for call in calls if call.uid == 0 and not call.by_handle]


def environment(home: Path, temporary: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(temporary),
        "KVMRECONCILE_CONFIG": str(home / "settings.yaml"),
        "KVMRECONCILE_CONNECT": OWN,
        "KVMRECONCILE_STATE": str(home / "state"),
        "KVMRECONCILE_GIT": f"{{url: {home / 'origin'}, allowedSigners: {home / 'keys/allowed'}}}",
        "KVMRECONCILE_CONTROL": "{socket: none}",
    }


def is_in(directory: Path, call: Call) -> bool:
    """Return whether a call named or opened a file below a directory, not the directory itself."""
    named = map(Path, filter(None, (*call.paths, call.opened)))
    return any(directory in path.parents for path in named)


def is_right(call: Call, home: Path, temporary: Path) -> bool:
    """Return whether a command of root may make a call."""
    state, safe = home / "state", home / "roots"
    if Path(call.opened).is_relative_to(safe):
        return False
    if call.uid != 0:
        return True
    if is_in(state, call):
        # By a handle that was opened as the owner. By path no link of the owner's is followed with root's rights.
        return call.by_handle
    places = (temporary, *OTHERS_WRITE)
    return not call.writes or all(
        any(Path(path).is_relative_to(place) for place in places) for path in call.paths
    )
