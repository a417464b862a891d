"""Watching the directories of pools: the files that trigger passes, and the directories that are not watched."""

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
from kvmreconcile.source.filesystems import SharedMounts
from tests.plan.worlds import BOOKS, seen, wish, world
from tests.status.events import pass_planned

WAIT_S = 10
ROOT = wish("Volume/p/root", "<volume pool='p'/>")
DATA = wish("Volume/p/data", "<volume pool='p'/>")

pytestmark = pytest.mark.case("47")


class Triggered:
    """The triggers of a watch."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[str] = SimpleQueue()

    def next(self) -> str:
        """Wait for a trigger and return its reason."""
        return self.queue.get(timeout=WAIT_S)

    def assert_quiet(self) -> None:
        with pytest.raises(Empty):
            self.queue.get(timeout=0.2)


@pytest.fixture
def triggered() -> Triggered:
    return Triggered()


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    (tmp_path / "pool").mkdir()
    return tmp_path / "pool"


def world_with(directory: Path, *volumes: Desired, existing: tuple[Desired, ...] = ()) -> World:
    """Return a world with specs of volumes in a directory pool, of which some exist."""
    home = wish("StoragePool/p", f"<pool path='{directory}'/>")
    return world([home, *volumes], [seen(home), *map(seen, existing)])


@pytest.fixture
def watch(triggered: Triggered) -> Iterator[PoolWatch]:
    with PoolWatch(triggered.queue.put, BOOKS, "qemu:///system") as watch:
        yield watch


def publish_pass(watch: PoolWatch, observed_world: World) -> None:
    """Publish a pass that observed this world."""
    watch(replace(pass_planned(Plan()), world=observed_world))


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
def test_file_of_named_volume_triggers_pass(
    watch: PoolWatch, triggered: Triggered, pool: Path, change: Callable[[Path], object]
) -> None:
    for name in ("data", "other"):
        (pool / name).touch()
    publish_pass(watch, world_with(pool, ROOT, DATA, existing=(DATA,)))
    assert watch.maintain() == ()

    change(pool)

    assert triggered.next() in ("Volume/p/root", "Volume/p/data")


def test_incomplete_volume_files_and_other_files_trigger_no_pass(
    watch: PoolWatch, triggered: Triggered, pool: Path
) -> None:
    publish_pass(watch, world_with(pool, ROOT))
    watch.maintain()

    (pool / "other").write_bytes(b"image")
    with (pool / "root").open("wb") as file:
        file.write(b"im")
        file.flush()
        triggered.assert_quiet()
    assert triggered.next() == "Volume/p/root"


def test_file_that_appeared_before_the_watch_triggers_pass_once(
    watch: PoolWatch, triggered: Triggered, pool: Path
) -> None:
    for name in ("root", "data"):
        (pool / name).touch()
    publish_pass(watch, world_with(pool, ROOT, DATA, existing=(DATA,)))

    watch.maintain()

    assert triggered.next() == "Volume/p/root"
    triggered.assert_quiet()
    watch.maintain()
    triggered.assert_quiet()


def test_directory_behind_link_is_watched_at_its_real_path(
    watch: PoolWatch, triggered: Triggered, pool: Path
) -> None:
    (pool.parent / "link").symlink_to(pool)
    publish_pass(watch, world_with(pool.parent / "link", ROOT))
    watch.maintain()

    write(pool)

    assert triggered.next() == "Volume/p/root"


def test_replaced_directory_is_watched_again(watch: PoolWatch, triggered: Triggered, pool: Path) -> None:
    publish_pass(watch, world_with(pool, ROOT))
    assert watch.maintain() == ()
    pool.rename(pool.with_name("aside"))
    assert watch.maintain() == ()
    pool.mkdir()
    assert watch.maintain() == ()

    write(pool)

    assert triggered.next() == "Volume/p/root"


def test_directory_without_named_volumes_is_no_longer_watched(
    watch: PoolWatch, triggered: Triggered, pool: Path
) -> None:
    publish_pass(watch, world_with(pool, ROOT))
    watch.maintain()
    publish_pass(watch, world_with(pool))
    watch.maintain()

    write(pool)

    triggered.assert_quiet()


@pytest.mark.parametrize(
    ("name", "answer", "why"),
    [
        ("MOST", 0, "the limit of 0 watched directories is reached"),
        ("os.access", lambda _path, _mode: False, "the daemon has no permission to read the directory"),
        ("reports_all_changes", lambda _device: False, "the file system does not report all changes"),
    ],
)
def test_unwatchable_directory_is_reported_with_reason(
    watch: PoolWatch, pool: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: object, why: str
) -> None:
    monkeypatch.setattr(f"{module.__name__}.{name}", answer)
    publish_pass(watch, world_with(pool, ROOT))

    assert watch.maintain() == (f"{pool}: {why}",)


def test_nothing_is_watched_for_remote_libvirt(triggered: Triggered, pool: Path) -> None:
    with PoolWatch(triggered.queue.put, BOOKS, "qemu+ssh://other/system") as watch:
        publish_pass(watch, world_with(pool, ROOT))
        assert watch.maintain() == ()
        write(pool)
        triggered.assert_quiet()


def test_only_observable_volumes_with_a_file_are_watched(pool: Path) -> None:
    observed_world = world_with(pool, ROOT)
    network = world([wish("StoragePool/p", "<pool path='ceph'/>"), ROOT])

    assert directories(observed_world, BOOKS, ComparisonCache()) == {str(pool): {"root": ROOT.key}}
    assert directories(network, BOOKS, ComparisonCache()) == {}
    hidden = replace(observed_world.observed, unobservable=(Unobservable("Volume/p/", "it is not active"),))
    assert directories(replace(observed_world, observed=hidden), BOOKS, ComparisonCache()) == {}


def test_network_file_system_is_not_accessed(
    watch: PoolWatch, pool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {pool} rw - nfs4 server:/p rw\n")
    monkeypatch.setattr(module, "SharedMounts", lambda: SharedMounts(mounts))
    (tmp_path / "link").symlink_to(pool)
    accessed: list[str] = []
    for name in ("lstat", "stat", "readlink"):
        monkeypatch.setattr(os, name, _record_calls(getattr(os, name), accessed))

    for directory in (pool, tmp_path / "link", tmp_path / "link/../pool/images"):
        publish_pass(watch, world_with(directory, ROOT))
        assert watch.maintain() == (f"{directory}: {module._UNWATCHABLE_PATH}",)

    assert not [path for path in accessed if path.startswith(str(pool))]


def _record_calls(real: Callable[..., object], accessed: list[str]) -> Callable[..., object]:
    def call(path: object, *words: object, **more: object) -> object:
        accessed.append(str(path))
        return real(path, *words, **more)

    return call


def test_symlink_loop_is_not_watched(watch: PoolWatch, pool: Path) -> None:
    (pool / "loop").symlink_to(pool / "loop")
    publish_pass(watch, world_with(pool / "loop", ROOT))

    assert watch.maintain() == (f"{pool / 'loop'}: {module._UNWATCHABLE_PATH}",)


def test_unsearchable_directory_raises_no_error(
    watch: PoolWatch, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_pass(watch, world_with(pool, ROOT))
    monkeypatch.setattr(
        Path, "exists", lambda _path: pytest.fail("it raises an error in unsearchable directories")
    )

    assert watch.maintain() == ()
