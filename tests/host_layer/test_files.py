"""Whether a file that libvirt is to open is missing, and when that cannot be known."""

from pathlib import Path

import pytest

from kvmreconcile.host.files import is_file_missing

MOUNTS = """\
1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
2 1 0:5 / /srv/remote rw,relatime shared:2 - nfs4 server:/x rw
3 1 0:6 / /srv/with\\040space rw - fuse.sshfs server:/y rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
    return file


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
def test_file_is_missing_only_where_that_is_certain(path: str, mounts: Path, *, is_missing: bool) -> None:
    assert is_file_missing(Path(path), mounts) == is_missing


def test_nothing_is_missing_where_the_mounts_are_unknown(tmp_path: Path) -> None:
    assert not is_file_missing(Path("/etc/no-such-image.qcow2"), tmp_path / "none")
