"""Watching files: what rings, what does not, and what becomes of a watch whose tree moves away."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from watchdog.observers.api import EventEmitter

from kvmreconcile.daemon.spec_watch import Watch, places
from kvmreconcile.source.filesystems import reports_all_changes

WAIT_S = 10


class Rung:
    """Counts rings."""

    def __init__(self) -> None:
        self.rings: SimpleQueue[None] = SimpleQueue()

    def __call__(self) -> None:
        self.rings.put(None)

    def wait(self) -> None:
        """Wait for a ring and forget those that came with it."""
        self.rings.get(timeout=WAIT_S)
        self.forget()

    def forget(self) -> None:
        while not self.rings.empty():
            self.rings.get()


@pytest.fixture
def rung() -> Rung:
    return Rung()


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    specs = tmp_path / "specs"
    (specs / "deep").mkdir(parents=True)
    (specs / "a.yaml").write_text("a")
    return specs


@pytest.fixture
def watch(specs: Path, rung: Rung) -> Iterator[Watch]:
    with Watch([specs], rung) as watch:
        assert watch.tend() == ()
        rung.forget()
        yield watch


def rename_over(specs: Path) -> None:
    (specs / ".a.yaml.new").write_text("b")
    (specs / ".a.yaml.new").rename(specs / "a.yaml")


def add_tree(specs: Path) -> None:
    (specs.parent / "more").mkdir()
    (specs.parent / "more/b.yml").write_text("b")
    (specs.parent / "more").rename(specs / "more")


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda specs: (specs / "a.yaml").write_text("b"),
    "touched": lambda specs: (specs / "a.yaml").touch(),
    "made": lambda specs: (specs / "b.yml").write_text("b"),
    "made in upper case": lambda specs: (specs / "B.YAML").write_text("b"),
    "ignored": lambda specs: (specs / ".kvmreconcileignore").write_text("a.yaml"),
    "made deep inside": lambda specs: (specs / "deep/b.yaml").write_text("b"),
    "removed": lambda specs: (specs / "a.yaml").unlink(),
    "renamed": lambda specs: (specs / "a.yaml").rename(specs / "b.yaml"),
    "put out of sight": lambda specs: (specs / "a.yaml").rename(specs / "a.yaml~"),
    "replaced at once": rename_over,
    "made unreadable": lambda specs: (specs / "a.yaml").chmod(0),
    "moved in as a tree": add_tree,
    "removed as a directory": lambda specs: (specs / "deep").rmdir(),
    "moved away with the whole directory": lambda specs: specs.rename(specs.with_name("aside")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_rings(watch: Watch, specs: Path, rung: Rung, change: Callable[[Path], object]) -> None:
    change(specs)

    rung.wait()


def test_reading_and_what_is_no_spec_ring_not(watch: Watch, specs: Path, rung: Rung) -> None:
    (specs / "a.yaml").read_text()
    list(specs.iterdir())
    (specs / ".a.yaml.swp").write_text("an editor's")
    (specs / "a.yaml~").write_text("an editor's")
    (specs / "4913").write_text("an editor's")
    (specs / "readme.md").write_text("for people")
    (specs.parent / "other.yaml").write_text("beside")

    # Events come in order: were one of those before it, there would be a ring.
    assert rung.rings.empty()
    with pytest.raises(Empty):
        rung.rings.get(timeout=0.2)


def test_watch_that_is_in_order_is_left_alone(watch: Watch, rung: Rung) -> None:
    assert watch.tend() == ()

    assert rung.rings.empty()


def test_directory_that_was_swapped_is_watched_where_it_is_now(watch: Watch, specs: Path, rung: Rung) -> None:
    specs.rename(specs.with_name("old"))
    specs.mkdir()
    rung.wait()

    watch.tend()
    rung.wait()
    (specs / "b.yaml").write_text("b")

    rung.wait()


def test_directory_that_was_removed_is_watched_when_it_is_back(watch: Watch, specs: Path, rung: Rung) -> None:
    (specs / "a.yaml").unlink()
    (specs / "deep").rmdir()
    specs.rmdir()
    rung.wait()
    assert watch.tend() == ()
    rung.forget()

    specs.mkdir()
    rung.wait()
    watch.tend()
    rung.wait()
    (specs / "b.yaml").write_text("b")

    rung.wait()


def test_link_that_is_turned_rings_and_what_it_points_to_now_is_watched(
    specs: Path, tmp_path: Path, rung: Rung
) -> None:
    current, release = tmp_path / "current", tmp_path / "release2"
    current.symlink_to(specs)
    release.mkdir()
    with Watch([current], rung) as watch:
        watch.tend()
        rung.forget()
        (specs / "a.yaml").write_text("b")
        rung.wait()

        (tmp_path / "next").symlink_to(release)
        (tmp_path / "next").rename(current)
        rung.wait()
        watch.tend()
        rung.wait()
        (release / "b.yaml").write_text("b")
        rung.wait()


def test_directory_that_does_not_exist_yet_rings_when_it_is_made(tmp_path: Path, rung: Rung) -> None:
    with Watch([tmp_path / "specs"], rung) as watch:
        assert watch.tend() == ()
        rung.forget()

        (tmp_path / "specs").mkdir()

        rung.wait()


def test_single_file_rings_and_its_neighbours_do_not_matter(specs: Path, rung: Rung) -> None:
    with Watch([specs / "a.yaml"], rung) as watch:
        watch.tend()
        rung.forget()
        (specs / "b.yaml").write_text("b")
        rename_over(specs)

        rung.wait()


def test_place_of_a_directory_that_was_swapped_is_another_place(specs: Path) -> None:
    before = places(specs)
    specs.rename(specs.with_name("old"))
    specs.mkdir()

    after = places(specs)

    assert [p.directory for p in before] == [p.directory for p in after]
    assert before != after


def test_links_that_are_all_turned_at_once_ring(tmp_path: Path, rung: Rung) -> None:
    specs = tmp_path / "specs"
    for release in ("..1", "..2"):
        (specs / release).mkdir(parents=True)
        (specs / release / "a.yaml").write_text(release)
    (specs / "..data").symlink_to("..1")
    (specs / "a.yaml").symlink_to("..data/a.yaml")
    with Watch([specs], rung) as watch:
        watch.tend()
        rung.forget()

        (specs / "..next").symlink_to("..2")
        (specs / "..next").rename(specs / "..data")

        rung.wait()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_is_seen_by_looking_too(specs: Path, rung: Rung, change: Callable[[Path], object]) -> None:
    with Watch([specs], rung, "poll", poll_s=0.05) as watch:
        assert watch.tend() == ()
        rung.forget()

        change(specs)

        rung.wait()


def test_queue_that_runs_over_rings(watch: Watch, specs: Path, rung: Rung) -> None:
    # Of none of these changes would it ring; that some of them are lost, and more may be, it does.
    files = [specs / "one.txt", specs / "other.txt"]
    flood = "import os, sys\nfor _ in range(200_000):\n    for file in sys.argv[1:]: os.utime(file)\n"
    for file in files:
        file.write_text("for people")

    subprocess.run([sys.executable, "-c", flood, *files], check=True)

    rung.wait()


def test_watch_whose_thread_has_died_is_put_up_again(watch: Watch, specs: Path, rung: Rung) -> None:
    def emitters() -> set[EventEmitter]:
        return {emitter for observer in watch._observers.values() for emitter in observer.emitters}

    for thread in emitters():
        thread.stop()
        thread.join(WAIT_S)

    assert watch.tend() == ()
    rung.wait()
    assert all(emitter.is_alive() for emitter in emitters())
    (specs / "a.yaml").write_text("b")
    rung.wait()


def test_observer_that_has_died_is_replaced(watch: Watch, specs: Path, rung: Rung) -> None:
    for observer in watch._observers.values():
        observer.stop()
        observer.join(WAIT_S)

    assert watch.tend() == ()
    rung.wait()
    (specs / "a.yaml").write_text("b")
    rung.wait()


MOUNTED = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 22 0:45 / /srv/specs rw shared:12 master:1 - nfs4 server:/specs rw,vers=4.2
37 22 0:46 / /mnt/far rw - fuse.sshfs host:/ rw
38 22 0:47 / /mnt/near rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("device", "expected"),
    [((8, 1), True), ((0, 45), False), ((0, 46), False), ((0, 47), True), ((0, 99), True)],
)
def test_only_of_what_is_on_this_host_alone_the_kernel_tells(
    tmp_path: Path, device: tuple[int, int], expected: object
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTED)

    assert reports_all_changes(os.makedev(*device), mounts) is expected


def test_file_system_of_this_directory_is_found(specs: Path) -> None:
    assert reports_all_changes(specs.stat().st_dev)
