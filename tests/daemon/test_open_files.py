"""Whether the writer of a spec file has finished: by what the kernel reports, and by asking it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmreconcile.daemon import open_files as module
from kvmreconcile.daemon.open_files import OpenFiles
from kvmreconcile.daemon.spec_watch import Watch
from kvmreconcile.source.files import SpecFile, read_spec_files
from kvmreconcile.source.in_use import WriteState, find_write_state
from tests.waiting import wait_until

LONG_S = 3600.0
OPEN, CLOSED, UNSURE = WriteState.OPEN, WriteState.CLOSED, WriteState.UNSURE


def unsure(_path: str) -> WriteState:
    """Tell nothing, as the kernel does to a user who is neither root nor the file's owner."""
    return UNSURE


class Bench:
    """A watched directory and what is known of those who write there."""

    def __init__(self, specs: Path, probe: Callable[[str], WriteState] = unsure) -> None:
        self.specs = specs
        # So long that a file which is just written is never old enough.
        self.writers = OpenFiles(LONG_S, probe)
        self.watch = Watch([specs], lambda: None, writers=self.writers)

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
        assert bench.watch.tend() == ()
        yield bench


def test_nothing_is_known_of_a_file_that_was_written_before_it_was_watched(bench: Bench) -> None:
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
def test_file_whose_suffix_is_in_upper_case_is_known_as_closed(bench: Bench) -> None:
    (bench.specs / "B.YAML").write_text("new")

    bench.wait_for(CLOSED, "B.YAML")


def test_file_that_is_written_to_in_place_is_open(bench: Bench) -> None:
    with (bench.specs / "a.yaml").open("r+") as file:
        file.truncate(3)
        bench.wait_for(OPEN)

    bench.wait_for(CLOSED)


def moved_within(specs: Path) -> None:
    (specs / ".a.yaml.new").write_text("after")
    (specs / ".a.yaml.new").rename(specs / "a.yaml")


def moved_in(specs: Path) -> None:
    (specs.parent / "a.yaml").write_text("after")
    (specs.parent / "a.yaml").rename(specs / "a.yaml")


def written_and_touched(specs: Path) -> None:
    (specs / "a.yaml").write_text("after")
    os.utime(specs / "a.yaml", (1, 1))
    (specs / "a.yaml").chmod(0o640)


@pytest.mark.parametrize("change", [moved_within, moved_in, written_and_touched])
def test_file_that_is_put_in_its_place_is_closed(bench: Bench, change: Callable[[Path], None]) -> None:
    change(bench.specs)

    bench.wait_for(CLOSED)


def test_file_that_is_moved_while_it_is_open_is_open_there(bench: Bench) -> None:
    with (bench.specs / ".b.yaml.new").open("w") as file:
        file.write("half")
        file.flush()
        (bench.specs / ".b.yaml.new").rename(bench.specs / "b.yaml")
        bench.wait_for(OPEN, "b.yaml")

    bench.wait_for(CLOSED, "b.yaml")


def test_directory_that_is_moved_takes_what_is_known_along(bench: Bench) -> None:
    (bench.specs / "deep/b.yaml").write_text("after")
    bench.wait_for(CLOSED, "b.yaml")

    (bench.specs / "deep").rename(bench.specs / "deeper")

    bench.wait_for(CLOSED, "b.yaml")


def test_new_file_of_a_removed_one_s_name_is_another(bench: Bench) -> None:
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


def test_file_behind_a_link_is_known_where_it_is(bench: Bench) -> None:
    (bench.specs / "..data").mkdir()
    (bench.specs / "b.yaml").symlink_to("..data/b.yaml")
    time.sleep(0.5)  # until the new directory is watched
    (bench.specs / "..data/b.yaml").write_text("after")

    bench.wait_for(CLOSED, "b.yaml")


def test_what_is_known_is_forgotten_when_events_may_be_lost(bench: Bench) -> None:
    (bench.specs / "a.yaml").write_text("after")
    bench.wait_for(CLOSED)

    bench.writers.forget()

    assert bench.written() is UNSURE


def test_polling_shows_nothing_of_writers(specs: Path) -> None:
    bench = Bench(specs)
    bench.watch = Watch([specs], lambda: None, "poll", bench.writers, 0.05)
    with bench.watch:
        bench.watch.tend()
        (specs / "a.yaml").write_text("after")
        time.sleep(0.5)

        assert bench.written() is UNSURE


def test_old_file_is_taken_for_finished_where_the_kernel_tells_of_all_that_is_done_to_it(
    specs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Bench(specs).read()
    later = time.time() + 3.0

    assert OpenFiles(2.0, unsure, lambda: later).written(file) is CLOSED
    assert OpenFiles(4.0, unsure, lambda: later).written(file) is UNSURE
    # On a share another host may be writing, by another clock.
    monkeypatch.setattr(module, "reports_all_changes", lambda _device: False)
    assert OpenFiles(2.0, find_write_state, lambda: later).written(file) is UNSURE


@pytest.mark.case("8b")
def test_program_that_had_a_file_open_before_it_was_watched_is_found(specs: Path) -> None:
    writers, bench = OpenFiles(0.0), Bench(specs)
    with (specs / "a.yaml").open("w") as file:
        file.write("half")
        file.flush()
        assert writers.written(bench.read()) is OPEN

    assert writers.written(bench.read()) is CLOSED


def test_file_that_changed_after_it_was_read_is_not_the_one_that_is_closed(specs: Path) -> None:
    file = Bench(specs).read()
    (specs / "a.yaml").write_text("more than before")

    assert OpenFiles(LONG_S).written(file) is UNSURE


def test_writer_of_a_file_that_is_gone_or_not_ours_is_unknown(tmp_path: Path, specs: Path) -> None:
    script = "import os, sys; from kvmreconcile.source.in_use import find_write_state; os.setuid(65534); print(find_write_state(sys.argv[1]).name)"
    for path in (tmp_path, *tmp_path.parents):
        if path.name.startswith("pytest-"):
            path.chmod(0o755)
    asked = subprocess.run(
        [sys.executable, "-c", script, str(specs / "a.yaml")], check=True, capture_output=True, text=True
    )

    assert find_write_state(str(tmp_path / "absent")) is UNSURE
    assert asked.stdout == ("UNSURE\n" if os.geteuid() == 0 else "CLOSED\n")


def test_program_that_opens_a_file_during_the_probe_waits_and_no_process_ends(specs: Path) -> None:
    script = "import sys\nfor _ in range(20000):\n    open(sys.argv[1], 'r+').close()\n"
    with subprocess.Popen([sys.executable, "-c", script, str(specs / "a.yaml")]) as writer:
        asked = {find_write_state(str(specs / "a.yaml")) for _ in iter(lambda: writer.poll() is None, False)}

    assert writer.returncode == 0
    assert asked <= {OPEN, CLOSED}
