"""Watching spec files: changes that trigger passes, changes that do not, and trees that are replaced."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from watchdog.observers.api import EventEmitter

from kvmreconcile.daemon.spec_watch import SpecWatch, watch_targets
from kvmreconcile.source.filesystems import reports_all_changes

WAIT_S = 10


class Triggered:
    """Queues the triggers of a watch."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[None] = SimpleQueue()

    def __call__(self) -> None:
        self.queue.put(None)

    def wait(self) -> None:
        """Wait for a trigger, and drop the others that came with it."""
        self.queue.get(timeout=WAIT_S)
        self.forget()

    def forget(self) -> None:
        while not self.queue.empty():
            self.queue.get()


@pytest.fixture
def triggered() -> Triggered:
    return Triggered()


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    specs = tmp_path / "specs"
    (specs / "deep").mkdir(parents=True)
    (specs / "a.yaml").write_text("a")
    return specs


@pytest.fixture
def watch(specs: Path, triggered: Triggered) -> Iterator[SpecWatch]:
    with SpecWatch([specs], triggered) as watch:
        assert watch.maintain() == ()
        triggered.forget()
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
def test_change_triggers_pass(
    watch: SpecWatch, specs: Path, triggered: Triggered, change: Callable[[Path], object]
) -> None:
    change(specs)

    triggered.wait()


def test_reading_specs_and_changing_other_files_trigger_no_pass(
    watch: SpecWatch, specs: Path, triggered: Triggered
) -> None:
    (specs / "a.yaml").read_text()
    list(specs.iterdir())
    (specs / ".a.yaml.swp").write_text("an editor's")
    (specs / "a.yaml~").write_text("an editor's")
    (specs / "4913").write_text("an editor's")
    (specs / "readme.md").write_text("for people")
    (specs.parent / "other.yaml").write_text("beside")

    # Events arrive in order: an event of one of these files would have triggered a pass by now.
    assert triggered.queue.empty()
    with pytest.raises(Empty):
        triggered.queue.get(timeout=0.2)


def test_working_watch_is_kept(watch: SpecWatch, triggered: Triggered) -> None:
    assert watch.maintain() == ()

    assert triggered.queue.empty()


def test_replaced_spec_directory_is_watched_again(
    watch: SpecWatch, specs: Path, triggered: Triggered
) -> None:
    specs.rename(specs.with_name("old"))
    specs.mkdir()
    triggered.wait()

    watch.maintain()
    triggered.wait()
    (specs / "b.yaml").write_text("b")

    triggered.wait()


def test_recreated_spec_directory_is_watched_again(
    watch: SpecWatch, specs: Path, triggered: Triggered
) -> None:
    (specs / "a.yaml").unlink()
    (specs / "deep").rmdir()
    specs.rmdir()
    triggered.wait()
    assert watch.maintain() == ()
    triggered.forget()

    specs.mkdir()
    triggered.wait()
    watch.maintain()
    triggered.wait()
    (specs / "b.yaml").write_text("b")

    triggered.wait()


def test_redirected_link_triggers_pass_and_new_target_is_watched(
    specs: Path, tmp_path: Path, triggered: Triggered
) -> None:
    current, release = tmp_path / "current", tmp_path / "release2"
    current.symlink_to(specs)
    release.mkdir()
    with SpecWatch([current], triggered) as watch:
        watch.maintain()
        triggered.forget()
        (specs / "a.yaml").write_text("b")
        triggered.wait()

        (tmp_path / "next").symlink_to(release)
        (tmp_path / "next").rename(current)
        triggered.wait()
        watch.maintain()
        triggered.wait()
        (release / "b.yaml").write_text("b")
        triggered.wait()


def test_creation_of_missing_directory_triggers_pass(tmp_path: Path, triggered: Triggered) -> None:
    with SpecWatch([tmp_path / "specs"], triggered) as watch:
        assert watch.maintain() == ()
        triggered.forget()

        (tmp_path / "specs").mkdir()

        triggered.wait()


def test_watched_file_triggers_pass_and_other_files_do_not(specs: Path, triggered: Triggered) -> None:
    with SpecWatch([specs / "a.yaml"], triggered) as watch:
        watch.maintain()
        triggered.forget()
        (specs / "b.yaml").write_text("b")
        rename_over(specs)

        triggered.wait()


def test_replaced_directory_is_another_watch_target(specs: Path) -> None:
    before = watch_targets(specs)
    specs.rename(specs.with_name("old"))
    specs.mkdir()

    after = watch_targets(specs)

    assert [p.directory for p in before] == [p.directory for p in after]
    assert before != after


def test_redirected_directory_of_linked_specs_triggers_pass(tmp_path: Path, triggered: Triggered) -> None:
    specs = tmp_path / "specs"
    for release in ("..1", "..2"):
        (specs / release).mkdir(parents=True)
        (specs / release / "a.yaml").write_text(release)
    (specs / "..data").symlink_to("..1")
    (specs / "a.yaml").symlink_to("..data/a.yaml")
    with SpecWatch([specs], triggered) as watch:
        watch.maintain()
        triggered.forget()

        (specs / "..next").symlink_to("..2")
        (specs / "..next").rename(specs / "..data")

        triggered.wait()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_triggers_pass_by_polling(
    specs: Path, triggered: Triggered, change: Callable[[Path], object]
) -> None:
    with SpecWatch([specs], triggered, "poll", poll_s=0.05) as watch:
        assert watch.maintain() == ()
        triggered.forget()

        change(specs)

        triggered.wait()


def test_queue_overflow_triggers_pass(watch: SpecWatch, specs: Path, triggered: Triggered) -> None:
    # None of these changes triggers a pass itself; the overflow does, as other events may be lost.
    files = [specs / "one.txt", specs / "other.txt"]
    flood = "import os, sys\nfor _ in range(200_000):\n    for file in sys.argv[1:]: os.utime(file)\n"
    for file in files:
        file.write_text("for people")

    subprocess.run([sys.executable, "-c", flood, *files], check=True)

    triggered.wait()


def test_watch_with_ended_thread_is_added_again(watch: SpecWatch, specs: Path, triggered: Triggered) -> None:
    def emitters() -> set[EventEmitter]:
        return {emitter for observer in watch._observers.values() for emitter in observer.emitters}

    for thread in emitters():
        thread.stop()
        thread.join(WAIT_S)

    assert watch.maintain() == ()
    triggered.wait()
    assert all(emitter.is_alive() for emitter in emitters())
    (specs / "a.yaml").write_text("b")
    triggered.wait()


def test_ended_observer_is_replaced(watch: SpecWatch, specs: Path, triggered: Triggered) -> None:
    for observer in watch._observers.values():
        observer.stop()
        observer.join(WAIT_S)

    assert watch.maintain() == ()
    triggered.wait()
    (specs / "a.yaml").write_text("b")
    triggered.wait()


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
def test_only_local_file_systems_report_changes(
    tmp_path: Path, device: tuple[int, int], expected: object
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTED)

    assert reports_all_changes(os.makedev(*device), mounts) is expected


def test_local_directory_reports_changes(specs: Path) -> None:
    assert reports_all_changes(specs.stat().st_dev)
