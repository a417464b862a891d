"""Detection of missing and added files, and of paths where this is unknown."""

import os
import time
from pathlib import Path

import pytest

from kvmreconcile.host import files as module
from kvmreconcile.host.files import Files

MOUNTS = """\
1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
2 1 0:5 / /srv/remote rw,relatime shared:2 - nfs4 server:/x rw
3 1 0:6 / /srv/with\\040space rw - fuse.sshfs server:/y rw
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
    return Files(file)


@pytest.mark.case("38g")
@pytest.mark.parametrize(
    ("path", "is_missing"),
    [
        ("/etc/no-such-image.qcow2", True),
        ("/etc/hostname", False),
        ("/etc/no-such-directory/image.qcow2", False),
        ("/etc/passwd/image.qcow2", False),
        ("/srv/remote/image.qcow2", False),
        ("/srv/with space/image.qcow2", False),
        ("/home/image.qcow2", False),
        ("/tmp/no-such-image.qcow2", False),
        ("/dev/no-such-device", False),
    ],
)
def test_file_is_reported_as_missing_only_if_certain(path: str, files: Files, *, is_missing: bool) -> None:
    assert files.lacks(Path(path)) == is_missing


@pytest.mark.case("38g")
def test_symbolic_links_are_not_followed(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRIVATE", ())
    (tmp_path / "images").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "images")
    (tmp_path / "images/disk").symlink_to("/dev/no-such-device")

    assert files.lacks(tmp_path / "images/none")
    assert not files.lacks(tmp_path / "images/disk")
    assert not files.lacks(tmp_path / "linked/none")


def test_file_is_not_missing_if_the_mounts_are_unknown(tmp_path: Path) -> None:
    assert not Files(tmp_path / "none").lacks(Path("/etc/no-such-image.qcow2"))


def long_ago(directory: Path) -> None:
    """Set the time of a directory's last change to an hour ago."""
    then_s = time.time() - 3600
    os.utime(directory, (then_s, then_s))


@pytest.mark.case("47")
def test_directory_version_changes_when_a_file_is_added(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRIVATE", ())
    pool = tmp_path / "pool"
    pool.mkdir()
    assert files.directory_version(pool) is None, "another change would not show within the same tick"
    long_ago(pool)
    before = files.directory_version(pool)
    assert before is not None
    assert files.directory_version(pool) == before

    (pool / "image").touch()
    os.utime(pool, (time.time() - 60, time.time() - 60))

    assert files.directory_version(pool) not in (before, None)


@pytest.mark.case("47")
def test_directory_has_no_version_if_libvirt_may_see_different_files(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pool").mkdir()
    long_ago(tmp_path / "pool")
    assert files.directory_version(tmp_path / "pool") is None, "it is in /tmp"
    monkeypatch.setattr(module, "PRIVATE", ())
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()

    assert files.directory_version(tmp_path / "link/pool") is None
    assert files.directory_version(tmp_path / "link") is None
    assert files.directory_version(tmp_path / "file") is None
    assert files.directory_version(tmp_path / "none") is None
    assert files.directory_version(Path("/srv/remote")) is None
