"""Watching the directories of pools: for which files it rings, and which directories are not watched."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from kvmreconcile.daemon import pool_watch as module
from kvmreconcile.daemon.pool_watch import PoolWatch, directories
from kvmreconcile.model import Desired, Plan, Unobservable, World
from kvmreconcile.plan import ComparisonCache
from kvmreconcile.source.filesystems import Shares
from tests.plan.worlds import BOOKS, seen, wish, world
from tests.status.told import planned

WAIT_S = 10
ROOT = wish("Volume/p/root", "<volume pool='p'/>")
DATA = wish("Volume/p/data", "<volume pool='p'/>")

pytestmark = pytest.mark.case("47")


class Rung:
    """What rings."""

    def __init__(self) -> None:
        self.rings: SimpleQueue[str] = SimpleQueue()

    def next(self) -> str:
        """Wait for a ring and return why it rang."""
        return self.rings.get(timeout=WAIT_S)

    def assert_quiet(self) -> None:
        with pytest.raises(Empty):
            self.rings.get(timeout=0.2)


@pytest.fixture
def rung() -> Rung:
    return Rung()


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    (tmp_path / "pool").mkdir()
    return tmp_path / "pool"


def stored(directory: Path, *volumes: Desired, there: tuple[Desired, ...] = ()) -> World:
    """Return a world in which volumes are wanted of a pool in a directory, and some of them exist."""
    home = wish("StoragePool/p", f"<pool path='{directory}'/>")
    return world([home, *volumes], [seen(home), *map(seen, there)])


@pytest.fixture
def watch(rung: Rung) -> Iterator[PoolWatch]:
    with PoolWatch(rung.rings.put, BOOKS, "qemu:///system") as watch:
        yield watch


def tell(watch: PoolWatch, here: World) -> None:
    """Tell of a pass that saw this."""
    watch(replace(planned(Plan()), world=here))


def write(pool: Path) -> None:
    (pool / "root").write_bytes(b"image")


def move_in(pool: Path) -> None:
    (pool.parent / "image").touch()
    (pool.parent / "image").rename(pool / "root")


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": write,
    "moved in": move_in,
    "renamed": lambda pool: (pool / "other").rename(pool / "root"),
    "moved out": lambda pool: (pool / "data").rename(pool.parent / "away"),
    "removed": lambda pool: (pool / "data").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_file_of_a_named_volume_rings(
    watch: PoolWatch, rung: Rung, pool: Path, change: Callable[[Path], object]
) -> None:
    for name in ("data", "other"):
        (pool / name).touch()
    tell(watch, stored(pool, ROOT, DATA, there=(DATA,)))
    assert watch.tend() == ()

    change(pool)

    assert rung.next() in ("Volume/p/root", "Volume/p/data")


def test_other_files_and_those_that_are_not_complete_ring_not(
    watch: PoolWatch, rung: Rung, pool: Path
) -> None:
    tell(watch, stored(pool, ROOT))
    watch.tend()

    (pool / "other").write_bytes(b"image")
    with (pool / "root").open("wb") as file:
        file.write(b"im")
        file.flush()
        rung.assert_quiet()
    assert rung.next() == "Volume/p/root"


def test_file_that_was_there_before_the_watch_rings(watch: PoolWatch, rung: Rung, pool: Path) -> None:
    for name in ("root", "data"):
        (pool / name).touch()
    tell(watch, stored(pool, ROOT, DATA, there=(DATA,)))

    watch.tend()

    assert rung.next() == "Volume/p/root"
    rung.assert_quiet()
    watch.tend()
    rung.assert_quiet()


def test_directory_behind_a_link_is_watched_where_it_is(watch: PoolWatch, rung: Rung, pool: Path) -> None:
    (pool.parent / "link").symlink_to(pool)
    tell(watch, stored(pool.parent / "link", ROOT))
    watch.tend()

    write(pool)

    assert rung.next() == "Volume/p/root"


def test_directory_that_was_replaced_is_watched_again(watch: PoolWatch, rung: Rung, pool: Path) -> None:
    tell(watch, stored(pool, ROOT))
    assert watch.tend() == ()
    pool.rename(pool.with_name("aside"))
    assert watch.tend() == ()
    pool.mkdir()
    assert watch.tend() == ()

    write(pool)

    assert rung.next() == "Volume/p/root"


def test_directory_without_named_volumes_is_watched_no_longer(
    watch: PoolWatch, rung: Rung, pool: Path
) -> None:
    tell(watch, stored(pool, ROOT))
    watch.tend()
    tell(watch, stored(pool))
    watch.tend()

    write(pool)

    rung.assert_quiet()


@pytest.mark.parametrize(
    ("name", "answer", "why"),
    [
        ("MOST", 0, "0 other directories are watched, which is the limit"),
        ("os.access", lambda _path, _mode: False, "the daemon may not read it"),
        ("tells_of_changes", lambda _device: False, "its file system does not report all changes"),
    ],
)
def test_directory_that_cannot_be_watched_is_named(
    watch: PoolWatch, pool: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: object, why: str
) -> None:
    monkeypatch.setattr(f"{module.__name__}.{name}", answer)
    tell(watch, stored(pool, ROOT))

    assert watch.tend() == (f"{pool}: {why}",)


def test_nothing_is_watched_where_libvirt_is_on_another_machine(rung: Rung, pool: Path) -> None:
    with PoolWatch(rung.rings.put, BOOKS, "qemu+ssh://other/system") as watch:
        tell(watch, stored(pool, ROOT))
        assert watch.tend() == ()
        write(pool)
        rung.assert_quiet()


def test_only_volumes_that_can_be_seen_and_lie_in_a_directory_have_a_file(pool: Path) -> None:
    here = stored(pool, ROOT)
    network = world([wish("StoragePool/p", "<pool path='ceph'/>"), ROOT])

    assert directories(here, BOOKS, ComparisonCache()) == {str(pool): {"root": ROOT.key}}
    assert directories(network, BOOKS, ComparisonCache()) == {}
    hidden = replace(here.observed, unobservable=(Unobservable("Volume/p/", "it is not active"),))
    assert directories(replace(here, observed=hidden), BOOKS, ComparisonCache()) == {}


def test_nothing_is_looked_up_on_a_file_system_that_another_machine_serves(
    watch: PoolWatch, pool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {pool} rw - nfs4 server:/p rw\n")
    monkeypatch.setattr(module, "Shares", lambda: Shares(mounts))
    (tmp_path / "link").symlink_to(pool)
    looked_up: list[str] = []
    for name in ("lstat", "stat", "readlink"):
        monkeypatch.setattr(os, name, _noting(getattr(os, name), looked_up))

    for directory in (pool, tmp_path / "link", tmp_path / "link/../pool/images"):
        tell(watch, stored(directory, ROOT))
        assert watch.tend() == (f"{directory}: {module._LEADS_ELSEWHERE}",)

    assert not [path for path in looked_up if path.startswith(str(pool))]


def _noting(real: Callable[..., object], looked_up: list[str]) -> Callable[..., object]:
    def call(path: object, *words: object, **more: object) -> object:
        looked_up.append(str(path))
        return real(path, *words, **more)

    return call


def test_circle_of_links_is_not_watched(watch: PoolWatch, pool: Path) -> None:
    (pool / "loop").symlink_to(pool / "loop")
    tell(watch, stored(pool / "loop", ROOT))

    assert watch.tend() == (f"{pool / 'loop'}: {module._LEADS_ELSEWHERE}",)


def test_directory_that_may_not_be_searched_does_not_stop_the_others(
    watch: PoolWatch, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(watch, stored(pool, ROOT))
    monkeypatch.setattr(Path, "exists", lambda _path: pytest.fail("it raises where a directory is closed"))

    assert watch.tend() == ()
