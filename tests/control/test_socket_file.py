"""The control socket in the file system: its permissions, and its replacement after the daemon ended."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kvmreconcile.control.socket_file import open_socket
from kvmreconcile.control.socket_path import socket_path
from kvmreconcile.errors import SpecError
from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.settings.settings import Settings
from tests.state import strace

NOBODY = 65534


def test_socket_has_configured_permissions_and_is_removed_on_close(tmp_path: Path) -> None:
    path = tmp_path / "run/control.sock"

    socket_file = open_socket(path, ControlSettings(mode="0640", group="adm"))

    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, 4)
    socket_file.close()
    assert not path.exists()
    open_socket(path, ControlSettings()).close()


def test_socket_of_killed_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path))

    socket_file = open_socket(path, ControlSettings())

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
    socket_file.close()


def test_socket_of_running_daemon_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    socket_file = open_socket(path, ControlSettings())
    before = path.stat().st_ino

    with pytest.raises(SpecError, match="another daemon uses this socket; stop that daemon"):
        open_socket(path, ControlSettings())

    assert path.stat().st_ino == before
    socket_file.close()


def test_path_that_is_not_a_socket_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")

    with pytest.raises(SpecError, match="is not a socket; remove it"):
        open_socket(path, ControlSettings())

    assert path.read_text() == "precious"
    path.unlink()
    open_socket(path, ControlSettings()).close()


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("x" * 120, ControlSettings(), "AF_UNIX path too long"),
        ("no/such/directory", ControlSettings(), "No such file or directory"),
        ("control.sock", ControlSettings(group="no-such-group"), "there is no group named no-such-group"),
    ],
)
def test_failed_open_reports_problem_and_leaks_no_descriptor(
    tmp_path: Path, name: str, settings: ControlSettings, problem: str
) -> None:
    handles = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  no more than a count

    with pytest.raises(SpecError, match=problem):
        open_socket(tmp_path / name, settings)

    assert len(os.listdir("/proc/self/fd")) == handles  # noqa: PTH208


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "/run/kvmreconcile/control.sock"),
        ({"instance": "lab"}, "/run/kvmreconcile@lab/control.sock"),
        ({"instance": "lab", "control": {"socket": "/run/x"}}, "/run/x"),
        ({"control": {"socket": "none"}}, None),
    ],
)
def test_socket_path_depends_on_instance_and_settings(settings: dict[str, object], path: str | None) -> None:
    assert socket_path(Settings.model_validate(settings)) == (Path(path) if path else None)


OPENING = """
import os, sys
from pathlib import Path
from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.control.socket_file import open_socket
path = Path(sys.argv[1])
os.access(path.with_name("marks") / "begin", os.R_OK)
open_socket(path / "control.sock", ControlSettings(mode="0666")).close()
"""


@pytest.mark.case("16")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_root_accesses_the_directory_of_another_user_as_that_user(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/var/tmp") as directory_name:
        directory, log = Path(directory_name), tmp_path / "trace"
        os.chown(directory, NOBODY, NOBODY)
        subprocess.run([*strace.command(log), sys.executable, "-c", OPENING, directory_name], check=True)

        with log.open(encoding="utf-8") as lines:
            seen = list(strace.after(strace.calls(lines), directory.with_name("marks")))
        used = {
            (call.uid, Path(path).name)
            for call in seen
            for path in call.paths
            if directory in Path(path).parents
        }
        abandoned = {path.name: path.lstat().st_uid for path in directory.iterdir()}

    assert used == {(NOBODY, name) for name in ("control.sock.lock", "control.sock", ".control.sock.new")}
    assert abandoned == {"control.sock.lock": NOBODY}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_group_without_membership_is_reported(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/var/tmp") as directory_name:
        os.chown(directory_name, NOBODY, NOBODY)

        with pytest.raises(
            SpecError,
            match=r"control\.group: the socket gets the owner and group of .*, so its group cannot be set to adm",
        ):
            open_socket(Path(directory_name) / "control.sock", ControlSettings(group="adm"))
