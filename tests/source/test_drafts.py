"""Files that are still being written: their last finished content is used."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Source
from kvmreconcile.source.drafts import LONG_S, Draft, Drafts
from kvmreconcile.source.files import FileVersion, Found, SpecFile
from kvmreconcile.source.in_use import WriteState
from kvmreconcile.source.load import load
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.walk import PathChange

FOR_S = 2.0
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec: {}\n"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """Files that are read again and again, and what is known of their writers."""

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
    stamp = FileVersion(1, 2, len(content), modified_ns, changed_s=0.0)
    return SpecFile(Path(name), name, content, f"/{name}", stamp)


def faults(found: Iterable[Found | Draft]) -> list[LocatedProblem]:
    return [fault for each in found if isinstance(each, Draft) for fault in each.faults]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_file_that_is_closed_counts_at_once(bench: Bench) -> None:
    assert bench.read(file(b"one")) == [file(b"one")]
    assert bench.read(file(b"two")) == [file(b"two")]
    assert bench.drafts.due_s is None


def test_who_writes_a_file_is_asked_only_of_one_that_changed(bench: Bench) -> None:
    bench.read(file(b"one"))
    bench.read(file(b"one", modified_ns=2))

    assert bench.asked == [b"one"]


@pytest.mark.case("8b")
def test_file_that_is_open_counts_as_it_was_until_it_is_closed(bench: Bench) -> None:
    bench.read(file(b"one, two"))
    bench.written = WriteState.OPEN

    for _ in range(5):
        bench.clock.now_s += 60.0
        assert bench.contents(file(b"one")) == [b"one, two"]
    bench.written = WriteState.CLOSED

    assert bench.contents(file(b"one")) == [b"one"]


@pytest.mark.case("8b")
def test_file_whose_writer_is_unknown_is_used_once_it_has_not_changed_for_a_while(bench: Bench) -> None:
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
    "later", [file(b"one,"), file(b"ONE"), file(b"one", modified_ns=2), replace(file(b"one"), stamp=None)]
)
def test_each_change_begins_the_time_again(bench: Bench, later: SpecFile) -> None:
    bench.read(file(b"one, two"))
    bench.written = WriteState.UNSURE
    bench.read(file(b"one"))
    bench.clock.now_s += FOR_S

    assert bench.contents(later) == [b"one, two"]
    assert bench.drafts.due_s == bench.clock.now_s + FOR_S


def test_file_that_changed_while_it_was_read_does_not_count(bench: Bench) -> None:
    torn = replace(file(b"one"), stamp=None)

    for _ in range(3):
        assert bench.contents(torn) == []
        bench.clock.now_s += FOR_S
    assert bench.asked == []


@pytest.mark.case("8a")
def test_new_file_does_not_count_while_it_is_open_and_is_known_to_be_missing(bench: Bench) -> None:
    bench.written = WriteState.OPEN

    assert bench.read(file(b"one")) == [Draft(is_known=False)]
    bench.written = WriteState.CLOSED
    assert bench.read(file(b"one, two")) == [file(b"one, two")]


def test_file_that_was_removed_is_not_remembered(bench: Bench) -> None:
    bench.read(file(b"one"))
    bench.read()
    bench.written = WriteState.OPEN

    assert bench.read(file(b"two")) == [Draft(is_known=False)]


def test_file_that_stays_open_for_long_is_reported(bench: Bench) -> None:
    bench.read(file(b"one, two"))
    bench.written = WriteState.OPEN

    assert faults(bench.read(file(b"one"), file(b"new", "b.yaml"))) == []
    assert bench.drafts.due_s == bench.clock.now_s + LONG_S
    bench.clock.now_s += LONG_S
    reported = faults(bench.read(file(b"one"), file(b"new", "b.yaml")))

    assert [fault.source for fault in reported] == [Source("a.yaml", 1, 1), Source("b.yaml", 1, 1)]
    assert [fault.what for fault in reported] == [
        "a program has the file open for writing; its last finished content is used meanwhile",
        "a program has the file open for writing; nothing of it is used meanwhile",
    ]
    assert bench.drafts.due_s is None


def test_file_that_changes_again_and_again_is_reported(bench: Bench) -> None:
    bench.written = WriteState.UNSURE
    said = []
    for number in range(12):
        said = faults(bench.read(file(b"x" * number)))
        bench.clock.now_s += 1.0

    assert len(said) == 1


def test_what_is_no_file_goes_through(bench: Bench) -> None:
    fault, point = LocatedProblem(Source("b.yaml", 1, 1), "cannot be read"), PathChange(1.0)

    assert bench.read(point, fault) == [point, fault]


@pytest.mark.case("8b")
def test_command_that_runs_once_uses_nothing_of_a_file_that_is_open(tmp_path: Path) -> None:
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


def test_file_whose_writer_is_unknown_is_not_reported_before_it_could_have_been_used(bench: Bench) -> None:
    bench.written = WriteState.UNSURE
    for _ in range(2):
        list(bench.drafts.finished([file(b"one")], 3 * LONG_S))
        bench.clock.now_s += LONG_S
    assert faults(bench.drafts.finished([file(b"one")], 3 * LONG_S)) == []

    bench.clock.now_s += LONG_S
    changed = faults(bench.drafts.finished([file(b"two", modified_ns=2)], 3 * LONG_S))

    assert [fault.what.partition(",")[0] for fault in changed] == ["the file changed less than 30 s ago"]
