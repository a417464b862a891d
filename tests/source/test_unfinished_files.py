"""Test that the last finished content of a file is used while the file is being written."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Source
from kvmreconcile.source.files import FileVersion, Found, SpecFile
from kvmreconcile.source.load import load
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.unfinished_files import LONG_S, Draft, Drafts
from kvmreconcile.source.walk import PathChange
from kvmreconcile.source.write_state import WriteState

FOR_S = 2.0
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec: {}\n"


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """Files that are read repeatedly, and the state of their writers."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.written = WriteState.CLOSED
        self.asked: list[bytes] = []
        self.drafts = Drafts(self._written, self.clock)

    def _written(self, file: SpecFile) -> WriteState:
        self.asked.append(file.content)
        return self.written

    def read(self, *found: Found) -> list[Found | Draft]:
        return list(self.drafts.finished(found, FOR_S))

    def contents(self, *found: Found) -> list[bytes]:
        return [each.content for each in self.read(*found) if isinstance(each, SpecFile)]


def file(content: bytes, name: str = "a.yaml", modified_ns: int = 1) -> SpecFile:
    version = FileVersion(1, 2, len(content), modified_ns, changed_s=0.0)
    return SpecFile(Path(name), name, content, f"/{name}", version)


def problems(found: Iterable[Found | Draft]) -> list[LocatedProblem]:
    return [problem for each in found if isinstance(each, Draft) for problem in each.problems]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_closed_file_is_used_at_once(bench: Bench) -> None:
    assert bench.read(file(b"one")) == [file(b"one")]
    assert bench.read(file(b"two")) == [file(b"two")]
    assert bench.drafts.due_s is None


def test_writer_is_checked_only_for_changed_files(bench: Bench) -> None:
    bench.read(file(b"one"))
    bench.read(file(b"one", modified_ns=2))

    assert bench.asked == [b"one"]


@pytest.mark.case("8b")
def test_last_finished_content_of_an_open_file_is_used_until_it_is_closed(bench: Bench) -> None:
    bench.read(file(b"one, two"))
    bench.written = WriteState.OPEN

    for _ in range(5):
        bench.clock.now_s += 60.0
        assert bench.contents(file(b"one")) == [b"one, two"]
    bench.written = WriteState.CLOSED

    assert bench.contents(file(b"one")) == [b"one"]


@pytest.mark.case("8b")
def test_file_with_unknown_writer_is_used_after_being_unchanged_for_a_while(bench: Bench) -> None:
    bench.read(file(b"one, two"))
    bench.written = WriteState.UNSURE

    assert bench.contents(file(b"one")) == [b"one, two"]
    assert bench.drafts.due_s == bench.clock.now_s + FOR_S
    bench.clock.now_s += FOR_S - 0.1
    assert bench.contents(file(b"one")) == [b"one, two"]
    bench.clock.now_s += 0.1
    assert bench.contents(file(b"one")) == [b"one"]
    assert bench.drafts.due_s is None


@pytest.mark.parametrize(
    "later", [file(b"one,"), file(b"ONE"), file(b"one", modified_ns=2), replace(file(b"one"), version=None)]
)
def test_each_change_restarts_the_waiting_time(bench: Bench, later: SpecFile) -> None:
    bench.read(file(b"one, two"))
    bench.written = WriteState.UNSURE
    bench.read(file(b"one"))
    bench.clock.now_s += FOR_S

    assert bench.contents(later) == [b"one, two"]
    assert bench.drafts.due_s == bench.clock.now_s + FOR_S


def test_file_that_changes_while_it_is_read_is_not_used(bench: Bench) -> None:
    torn = replace(file(b"one"), version=None)

    for _ in range(3):
        assert bench.contents(torn) == []
        bench.clock.now_s += FOR_S
    assert bench.asked == []


@pytest.mark.case("8a")
def test_new_file_is_not_used_while_it_is_open_for_writing(bench: Bench) -> None:
    bench.written = WriteState.OPEN

    assert bench.read(file(b"one")) == [Draft(is_known=False)]
    bench.written = WriteState.CLOSED
    assert bench.read(file(b"one, two")) == [file(b"one, two")]


def test_content_of_a_removed_file_is_dropped(bench: Bench) -> None:
    bench.read(file(b"one"))
    bench.read()
    bench.written = WriteState.OPEN

    assert bench.read(file(b"two")) == [Draft(is_known=False)]


def test_file_that_stays_open_for_long_is_reported(bench: Bench) -> None:
    bench.read(file(b"one, two"))
    bench.written = WriteState.OPEN

    assert problems(bench.read(file(b"one"), file(b"new", "b.yaml"))) == []
    assert bench.drafts.due_s == bench.clock.now_s + LONG_S
    bench.clock.now_s += LONG_S
    reported = problems(bench.read(file(b"one"), file(b"new", "b.yaml")))

    assert [problem.source for problem in reported] == [Source("a.yaml", 1, 1), Source("b.yaml", 1, 1)]
    assert [problem.what for problem in reported] == [
        "a program has the file open for writing; meanwhile, its last finished content is used",
        "a program has the file open for writing; meanwhile, the file is not used",
    ]
    assert bench.drafts.due_s is None


def test_constantly_changing_file_is_reported(bench: Bench) -> None:
    bench.written = WriteState.UNSURE
    reported = []
    for number in range(12):
        reported = problems(bench.read(file(b"x" * number)))
        bench.clock.now_s += 1.0

    assert len(reported) == 1


def test_items_other_than_files_are_passed_through(bench: Bench) -> None:
    problem, point = LocatedProblem(Source("b.yaml", 1, 1), "cannot be read"), PathChange(1.0)

    assert bench.read(point, problem) == [point, problem]


@pytest.mark.case("8b")
def test_command_does_not_use_a_file_that_is_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("w") as writer:
        writer.write(NETWORK)
        writer.flush()
        open_now = load([tmp_path], {kind.name: kind for kind in KINDS}, "test")
    closed = load([tmp_path], {kind.name: kind for kind in KINDS}, "test")

    assert [(p.where, p.what) for p in open_now.problems] == [
        (f"{path}:1:1", "a program has the file open for writing")
    ]
    assert (open_now.desired, open_now.complete) == ({}, False)
    assert (len(closed.desired), closed.problems, closed.complete) == (1, (), True)


def test_file_with_unknown_writer_is_not_reported_before_it_could_be_used(bench: Bench) -> None:
    bench.written = WriteState.UNSURE
    for _ in range(2):
        list(bench.drafts.finished([file(b"one")], 3 * LONG_S))
        bench.clock.now_s += LONG_S
    assert problems(bench.drafts.finished([file(b"one")], 3 * LONG_S)) == []

    bench.clock.now_s += LONG_S
    changed = problems(bench.drafts.finished([file(b"two", modified_ns=2)], 3 * LONG_S))

    assert [problem.what.partition(",")[0] for problem in changed] == ["the file changed less than 30 s ago"]
