"""The socket in the file system: made whole, taken over from the dead, and never from the living."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kvmreconcile.control.socket_file import open_door
from kvmreconcile.control.socket_path import socket_path
from kvmreconcile.errors import SpecError
from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.settings.settings import Settings
from tests.state import strace

NOBODY = 65534


def test_socket_has_the_rights_it_is_to_have_and_goes_when_closed(tmp_path: Path) -> None:
    path = tmp_path / "run/control.sock"

    door = open_door(path, ControlSettings(mode="0640", group="adm"))

    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, 4)
    door.close()
    assert not path.exists()
    open_door(path, ControlSettings()).close()


def test_what_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    door = open_door(path, ControlSettings())

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
    door.close()


def test_socket_of_a_daemon_that_lives_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    door = open_door(path, ControlSettings())
    before = path.stat().st_ino

    with pytest.raises(SpecError, match="another daemon uses this socket; stop it"):
        open_door(path, ControlSettings())

    assert path.stat().st_ino == before
    door.close()


def test_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")

    with pytest.raises(SpecError, match="is not a socket; remove it"):
        open_door(path, ControlSettings())

    assert path.read_text() == "precious"
    path.unlink()
    open_door(path, ControlSettings()).close()


@pytest.mark.parametrize(
    ("name", "settings", "wrong"),
    [
        ("x" * 120, ControlSettings(), "AF_UNIX path too long"),
        ("no/such/directory", ControlSettings(), "No such file or directory"),
        ("control.sock", ControlSettings(group="no-such-group"), "there is no group named no-such-group"),
    ],
)
def test_what_cannot_be_is_told_and_holds_no_place(
    tmp_path: Path, name: str, settings: ControlSettings, wrong: str
) -> None:
    handles = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  no more than a count

    with pytest.raises(SpecError, match=wrong):
        open_door(tmp_path / name, settings)

    assert len(os.listdir("/proc/self/fd")) == handles  # noqa: PTH208


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({}, "/run/kvmreconcile/control.sock"),
        ({"instance": "lab"}, "/run/kvmreconcile@lab/control.sock"),
        ({"instance": "lab", "control": {"socket": "/run/x"}}, "/run/x"),
        ({"control": {"socket": "none"}}, None),
    ],
)
def test_place_is_the_instances_own_unless_told(said: dict[str, object], path: str | None) -> None:
    assert socket_path(Settings.model_validate(said)) == (Path(path) if path else None)


OPENING = """
import os, sys
from pathlib import Path
from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.control.socket_file import open_door
path = Path(sys.argv[1])
os.access(path.with_name("marks") / "begin", os.R_OK)
open_door(path / "control.sock", ControlSettings(mode="0666")).close()
"""


@pytest.mark.case("16")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")
def test_root_accesses_the_directory_of_another_user_as_that_user(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/var/tmp") as made:
        theirs, log = Path(made), tmp_path / "trace"
        os.chown(theirs, NOBODY, NOBODY)
        subprocess.run([*strace.command(log), sys.executable, "-c", OPENING, made], check=True)

        with log.open(encoding="utf-8") as lines:
            seen = list(strace.after(strace.calls(lines), theirs.with_name("marks")))
        used = {
            (call.uid, Path(path).name)
            for call in seen
            for path in call.paths
            if theirs in Path(path).parents
        }
        left = {path.name: path.lstat().st_uid for path in theirs.iterdir()}

    assert used == {(NOBODY, name) for name in ("control.sock.lock", "control.sock", ".control.sock.new")}
    assert left == {"control.sock.lock": NOBODY}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_group_that_the_daemon_is_not_in_is_named(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/var/tmp") as made:
        os.chown(made, NOBODY, NOBODY)

        with pytest.raises(
            SpecError,
            match=r"control\.group: the socket is created with the owner and group of .*, and cannot get the group adm",
        ):
            open_door(Path(made) / "control.sock", ControlSettings(group="adm"))
