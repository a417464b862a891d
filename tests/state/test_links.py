"""Root's commands, while the state's owner swaps links in its directory: nothing outside of it is touched."""

import ctypes
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from typer.testing import CliRunner

from kvmreconcile import config
from kvmreconcile.cli.app import app
from tests.mock import OWN
from tests.origin import Origin

NOBODY = 65534
RUNS, ALL_RUNS = 15, 200
_ALL_EVENTS = 0xFFF
COMMANDS = {
    "apply": ("apply", "--yes"),
    "approve": ("apply", "--yes", "--approve", "abcdef123456"),
    "fetch": ("fetch",),
    "suspend": ("suspend", "--all"),
    "resume": ("resume", "--all"),
    "history": ("history",),
    "adopt": ("adopt", "--all"),
}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(config, "DEFAULT_FILE", Path("/absent.yaml"))
    # Not below pytest's own directories, through which nobody but root can pass.
    with TemporaryDirectory(dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        origin = Origin(Path(made))
        origin.commit("apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n")
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", origin.path], check=True)
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
@pytest.mark.timeout(1200)
def test_no_command_of_roots_follows_a_link_out_of_the_state(
    home: Path, request: pytest.FixtureRequest
) -> None:
    runs = ALL_RUNS if request.config.getoption("--full") else RUNS
    safe = home / "roots"
    safe.mkdir(mode=0o700)
    canary = safe / "canary"
    canary.write_text("root's")
    canary.chmod(0o600)
    before, watch = files(safe), watched(canary)
    settings = {
        "KVMRECONCILE_CONNECT": OWN,
        "KVMRECONCILE_STATE": str(home / "state"),
        "KVMRECONCILE_GIT": f"{{url: {home / 'origin'}}}",
        "KVMRECONCILE_CONTROL": "{socket: none}",
    }
    swapper = subprocess.Popen(
        [sys.executable, "-m", "tests.state.swapper", str(home / "state"), str(canary), str(NOBODY), "5"]
    )
    succeeded = dict.fromkeys(COMMANDS, 0)
    try:
        for _ in range(runs):
            for name, words in COMMANDS.items():
                done = CliRunner(env=settings).invoke(app, list(words))
                said = "".join(traceback.format_exception(done.exception)) if done.exception else ""
                assert isinstance(done.exception, SystemExit | None), (name, said)
                succeeded[name] += done.exit_code == 0
    finally:
        swapper.kill()
        swapper.wait()
    used = uses(watch)

    print(f"{runs} runs each; got on in spite of it: {succeeded}")
    assert not used
    assert files(safe) == before
    assert {path.lstat().st_uid for path in (home / "state").rglob("*")} == {NOBODY}
