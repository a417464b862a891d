"""Root's commands, while the state's owner swaps links in its directory: nothing outside of it is touched."""

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
_HERE = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")


@pytest.fixture
def home() -> Iterator[Path]:
    # Not below pytest's own directories, through which nobody but root can pass.
    with TemporaryDirectory(dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        origin = Origin(Path(made))
        origin.commit("apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n")
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", origin.path], check=True)
        (Path(made) / "settings.yaml").write_text("{}\n")
        (Path(made) / "state").mkdir()
        os.chown(Path(made) / "state", NOBODY, NOBODY)
        yield Path(made)


def watched(file: Path) -> int:
    """Return a handle from which every use of a file from now on is read (inotify(7))."""
    libc = ctypes.CDLL(None)
    handle: int = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(handle, os.fsencode(file), _ALL_EVENTS) > 0
    return handle


def uses(handle: int) -> bytes:
    """Return what has been read of a watched file, nothing if nobody has used it."""
    try:
        return os.read(handle, 4096)
    except BlockingIOError:
        return b""
    finally:
        os.close(handle)


def files(directory: Path) -> dict[str, tuple[int, int, int, int, bytes]]:
    """Return of each file its number, owner, group, mode and content."""
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
def test_no_command_of_roots_follows_a_link_out_of_the_state(
    home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    runs = ALL_RUNS if request.config.getoption("--full") else RUNS
    safe, state, log, marks = home / "roots", home / "state", tmp_path / "trace", tmp_path / "marks"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    safe.mkdir(mode=0o700)
    canary = safe / "canary"
    canary.write_text("root's")
    canary.chmod(0o600)
    before, watch = files(safe), watched(canary)

    swapper = subprocess.Popen(
        [sys.executable, "-m", "tests.state.swapper", str(state), str(canary), str(NOBODY), "5"]
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
    with log.open(encoding="utf-8") as lines:
        seen = list(strace.after(strace.calls(lines, directory=str(_HERE)), marks))

    by_owner = [call for call in seen if call.uid == NOBODY and is_in(state, call)]
    print(f"{runs} runs each, {len(seen)} calls, {len(by_owner)} of them as the owner in the state;", end=" ")
    print(f"got on in spite of it: {said['succeeded']}")
    assert not said["escaped"], said["escaped"][0]
    assert by_owner
    # By path root itself uses nothing in there, so that no link of the owner's is followed with root's rights.
    inside = [call for call in seen if call.uid == 0 and is_in(state, call) and not call.by_handle]
    assert not inside, strace.in_words(inside)
    outside = [call for call in seen if call.uid == 0 and call.writes and not may_be_written(call, state, temporary)]
    assert not outside, strace.in_words(outside)
    opened = [call for call in seen if Path(call.opened).is_relative_to(safe)]
    assert not opened, strace.in_words(opened)
    assert not used
    assert files(safe) == before
    assert {path.lstat().st_uid for path in state.rglob("*")} == {NOBODY}


def environment(home: Path, temporary: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(temporary),
        "KVMRECONCILE_CONFIG": str(home / "settings.yaml"),
        "KVMRECONCILE_CONNECT": OWN,
        "KVMRECONCILE_STATE": str(home / "state"),
        "KVMRECONCILE_GIT": f"{{url: {home / 'origin'}}}",
        "KVMRECONCILE_CONTROL": "{socket: none}",
    }


def is_in(directory: Path, call: Call) -> bool:
    """Tell whether a call named, or opened, a file below a directory; not the directory itself."""
    named = map(Path, filter(None, (*call.paths, call.opened)))
    return any(directory in path.parents for path in named)


def may_be_written(call: Call, state: Path, temporary: Path) -> bool:
    """Tell whether root may write there: into temporary files, as libvirt and QEMU do, or by what was opened as the owner."""
    if call.by_handle and is_in(state, call):
        return True
    places = (temporary, Path("/run/libvirt"), Path("/dev"))
    return all(any(Path(path).is_relative_to(place) for place in places) for path in call.paths)
