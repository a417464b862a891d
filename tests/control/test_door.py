"""The socket in the file system: made whole, taken over from the dead, and never from the living."""

import os
import socket
import stat
from pathlib import Path

import pytest

from kvmreconcile.access import ControlSettings
from kvmreconcile.control.door import open_door
from kvmreconcile.control.place import socket_path
from kvmreconcile.errors import SpecError
from kvmreconcile.settings import Settings


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

    with pytest.raises(SpecError, match="another daemon listens there; stop it"):
        open_door(path, ControlSettings())

    assert path.stat().st_ino == before
    door.close()


def test_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")

    with pytest.raises(SpecError, match="it is no socket; move it away"):
        open_door(path, ControlSettings())

    assert path.read_text() == "precious"
    path.unlink()
    open_door(path, ControlSettings()).close()


@pytest.mark.parametrize(
    ("name", "settings", "wrong"),
    [
        ("x" * 120, ControlSettings(), "AF_UNIX path too long"),
        ("no/such/directory", ControlSettings(), "No such file or directory"),
        ("control.sock", ControlSettings(group="no-such-group"), "there is no group no-such-group"),
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
