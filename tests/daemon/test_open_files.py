"""Whether the writer of a spec file has finished, by events of the kernel and by probing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmreconcile.daemon import open_files as module
from kvmreconcile.daemon.open_files import OpenFiles
from kvmreconcile.daemon.spec_watch import SpecWatch
from kvmreconcile.source.files import SpecFile, read_spec_files
from kvmreconcile.source.write_state import WriteState, find_write_state
from tests.waiting import wait_until

LONG_S = 3600.0
OPEN, CLOSED, UNSURE = WriteState.OPEN, WriteState.CLOSED, WriteState.UNSURE


def unsure(_path: str) -> WriteState:
    """Report that the writer is unknown, as the kernel does to users other than root and the file's owner."""
    return UNSURE


class Bench:
    """A watched directory and the state of the writers of its files."""

    def __init__(self, specs: Path, probe: Callable[[str], WriteState] = unsure) -> None:
        self.specs = specs
        # So long that a file that was just written is never old enough.
        self.writers = OpenFiles(LONG_S, probe)
        self.watch = SpecWatch([specs], lambda: None, writers=self.writers)

    def read(self, name: str = "a.yaml") -> SpecFile:
        found = (each for each in read_spec_files([self.specs]) if isinstance(each, SpecFile))
        return next(each for each in found if each.path.name == name)

    def written(self, name: str = "a.yaml") -> WriteState:
        return self.writers.written(self.read(name))

    def wait_for(self, written: WriteState, name: str = "a.yaml") -> None:
        wait_until(lambda: self.written(name) is written, f"{name} is known as {written}", 10)


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    specs = tmp_path / "specs"
    (specs / "deep").mkdir(parents=True)
    (specs / "a.yaml").write_text("before")
    return specs


@pytest.fixture
def bench(specs: Path) -> Iterator[Bench]:
    bench = Bench(specs)
    with bench.watch:
        assert bench.watch.maintain() == ()
        yield bench


def test_file_written_before_watch_has_unknown_writer(bench: Bench) -> None:
    assert bench.written() is UNSURE


@pytest.mark.case("8b")
def test_file_is_open_until_its_writer_closes_it(bench: Bench) -> None:
    with (bench.specs / "a.yaml").open("w") as file:
        file.write("half")
        file.flush()
        bench.wait_for(OPEN)
        file.write(" and half")
        file.flush()
        time.sleep(0.1)
        assert bench.written() is OPEN

    bench.wait_for(CLOSED)


@pytest.mark.case("8b")
@pytest.mark.case("46")
def test_closed_file_with_upper_case_suffix_is_recognized(bench: Bench) -> None:
    (bench.specs / "B.YAML").write_text("new")

    bench.wait_for(CLOSED, "B.YAML")


def test_file_written_in_place_is_open_until_closed(bench: Bench) -> None:
    with (bench.specs / "a.yaml").open("r+") as file:
        file.truncate(3)
        bench.wait_for(OPEN)

    bench.wait_for(CLOSED)


def rename_within(specs: Path) -> None:
    (specs / ".a.yaml.new").write_text("after")
    (specs / ".a.yaml.new").rename(specs / "a.yaml")


def move_in(specs: Path) -> None:
    (specs.parent / "a.yaml").write_text("after")
    (specs.parent / "a.yaml").rename(specs / "a.yaml")


def write_and_touch(specs: Path) -> None:
    (specs / "a.yaml").write_text("after")
    os.utime(specs / "a.yaml", (1, 1))
    (specs / "a.yaml").chmod(0o640)


@pytest.mark.parametrize("change", [rename_within, move_in, write_and_touch])
def test_atomically_replaced_file_is_closed(bench: Bench, change: Callable[[Path], None]) -> None:
    change(bench.specs)

    bench.wait_for(CLOSED)


def test_open_file_stays_open_after_rename(bench: Bench) -> None:
    with (bench.specs / ".b.yaml.new").open("w") as file:
        file.write("half")
        file.flush()
        (bench.specs / ".b.yaml.new").rename(bench.specs / "b.yaml")
        bench.wait_for(OPEN, "b.yaml")

    bench.wait_for(CLOSED, "b.yaml")


def test_renamed_directory_keeps_writer_state_of_its_files(bench: Bench) -> None:
    (bench.specs / "deep/b.yaml").write_text("after")
    bench.wait_for(CLOSED, "b.yaml")

    (bench.specs / "deep").rename(bench.specs / "deeper")

    bench.wait_for(CLOSED, "b.yaml")


def test_new_file_with_name_of_removed_file_has_unknown_writer(bench: Bench) -> None:
    with (bench.specs / "a.yaml").open("w") as file:
        file.write("half")
        file.flush()
        bench.wait_for(OPEN)
        (bench.specs / "a.yaml").unlink()
        os.link(_elsewhere(bench.specs), bench.specs / "a.yaml")
        bench.wait_for(UNSURE)


def _elsewhere(specs: Path) -> Path:
    path = specs.parent / "elsewhere"
    path.write_text("whole")
    return path


def test_file_behind_link_is_tracked_at_its_real_path(bench: Bench) -> None:
    (bench.specs / "..data").mkdir()
    (bench.specs / "b.yaml").symlink_to("..data/b.yaml")
    time.sleep(0.5)  # until the new directory is watched
    (bench.specs / "..data/b.yaml").write_text("after")

    bench.wait_for(CLOSED, "b.yaml")


def test_writer_state_is_forgotten_when_events_may_be_lost(bench: Bench) -> None:
    (bench.specs / "a.yaml").write_text("after")
    bench.wait_for(CLOSED)

    bench.writers.forget()

    assert bench.written() is UNSURE


def test_writer_is_unknown_with_polling(specs: Path) -> None:
    bench = Bench(specs)
    bench.watch = SpecWatch([specs], lambda: None, "poll", bench.writers, 0.05)
    with bench.watch:
        bench.watch.maintain()
        (specs / "a.yaml").write_text("after")
        time.sleep(0.5)

        assert bench.written() is UNSURE


def test_old_file_counts_as_finished_only_on_local_file_system(
    specs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Bench(specs).read()
    later = time.time() + 3.0

    assert OpenFiles(2.0, unsure, lambda: later).written(file) is CLOSED
    assert OpenFiles(4.0, unsure, lambda: later).written(file) is UNSURE
    # On a share, another host with another clock may be writing.
    monkeypatch.setattr(module, "reports_all_changes", lambda _device: False)
    assert OpenFiles(2.0, find_write_state, lambda: later).written(file) is UNSURE


@pytest.mark.case("8b")
def test_file_opened_before_watch_is_recognized_as_open(specs: Path) -> None:
    writers, bench = OpenFiles(0.0), Bench(specs)
    with (specs / "a.yaml").open("w") as file:
        file.write("half")
        file.flush()
        assert writers.written(bench.read()) is OPEN

    assert writers.written(bench.read()) is CLOSED


def test_file_changed_after_read_has_unknown_writer(specs: Path) -> None:
    file = Bench(specs).read()
    (specs / "a.yaml").write_text("more than before")

    assert OpenFiles(LONG_S).written(file) is UNSURE


def test_missing_file_and_file_of_another_user_have_unknown_writer(tmp_path: Path, specs: Path) -> None:
    script = "import os, sys; from kvmreconcile.source.write_state import find_write_state; os.setuid(65534); print(find_write_state(sys.argv[1]).name)"
    for path in (tmp_path, *tmp_path.parents):
        if path.name.startswith("pytest-"):
            path.chmod(0o755)
    result = subprocess.run(
        [sys.executable, "-c", script, str(specs / "a.yaml")], check=True, capture_output=True, text=True
    )

    assert find_write_state(str(tmp_path / "absent")) is UNSURE
    assert result.stdout == ("UNSURE\n" if os.geteuid() == 0 else "CLOSED\n")


def test_program_that_opens_file_during_probe_gets_no_error(specs: Path) -> None:
    script = "import sys\nfor _ in range(20000):\n    open(sys.argv[1], 'r+').close()\n"
    with subprocess.Popen([sys.executable, "-c", script, str(specs / "a.yaml")]) as writer:
        result = {find_write_state(str(specs / "a.yaml")) for _ in iter(lambda: writer.poll() is None, False)}

    assert writer.returncode == 0
    assert result <= {OPEN, CLOSED}
