"""Nothing of a copy that fails stays in its pool."""

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.contents import MIB, POOL, fill, names, remove, used, volume
from tests.lab.lab import Lab
from tests.lab.paused import paused_apply
from tests.lab.site import Site


@pytest.fixture
def small(lab: Lab, tmp_path: Path) -> Iterator[Site]:
    """A host with a pool of 64 MiB, on a file system of its own."""
    directory = lab.path / "images/small"
    directory.mkdir()
    lab.exec("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(directory))
    site = Site(lab, tmp_path)
    site.write("pool.yaml", POOL.format(path=directory))
    site.converge()
    yield site
    lab.virsh("pool-destroy", "small")
    lab.exec("umount", str(directory))


def assert_converges(site: Site) -> None:
    site.converge()
    site.assert_in_sync()
    made = site.lab.exec("sha256sum", f"{site.lab.path}/images/small/src.raw").split()[0]
    assert made == hashlib.sha256((site.specs / "rnd.img").read_bytes()).hexdigest()


@pytest.fixture
def copying(small: Site) -> Site:
    """The same host, with a volume that is to be a copy of 50 MiB."""
    (small.specs / "rnd.img").write_bytes(os.urandom(50 * MIB))
    volume(small, "src.raw", "format: raw, source: {file: rnd.img}")
    return small


@pytest.mark.case("11a")
def test_pool_that_runs_full_during_a_copy_is_as_empty_as_before(copying: Site) -> None:
    with paused_apply(copying) as paused:
        fill(copying, 40 * MIB)
        output = paused.go_on()

    assert paused.process.returncode == 1
    assert "No space left on device" in output
    assert (names(copying), used(copying)) == (["filler"], 40 * MIB)

    remove(copying, "filler")
    assert_converges(copying)


@pytest.mark.case("11a")
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_copy_that_is_cut_off_is_made_again(copying: Site, by: signal.Signals) -> None:
    with paused_apply(copying) as paused:
        paused.process.send_signal(by)

    assert_converges(copying)


@pytest.mark.case("11a")
def test_copy_during_which_libvirtd_dies_is_made_again(copying: Site) -> None:
    with paused_apply(copying) as paused:
        copying.lab.restart_libvirtd("KILL")
        paused.go_on()

    assert paused.process.returncode == 1
    assert_converges(copying)


@pytest.mark.case("11a")
def test_file_that_changes_while_it_is_copied_leaves_no_volume(copying: Site) -> None:
    image = copying.specs / "rnd.img"
    with paused_apply(copying) as paused:
        with image.open("r+b") as file:
            file.write(b"new")
        output = paused.go_on()

    assert paused.process.returncode == 1
    assert "was written to while it was copied" in output
    assert names(copying) == []
    assert_converges(copying)


@pytest.mark.case("11a")
def test_failed_copy_that_somebody_uses_already_is_not_deleted(copying: Site) -> None:
    guest = f"""
        <domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices><disk type='file'><source file='{copying.lab.path}/images/small/src.raw'/><target dev='vda'/></disk></devices></domain>"""
    with paused_apply(copying) as paused, copying.lab.connect() as virt:
        virt.defineXML(guest)
        (copying.specs / "rnd.img").touch()
        paused.go_on()

    assert paused.process.returncode == 1
    assert names(copying) == ["src.raw"]
    copying.lab.virsh("undefine", "guest")
    assert_converges(copying)
