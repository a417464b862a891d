"""Fixtures: a fake host in files, a state, and an executor that never waits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kvmreconcile.execute.libvirt import LibvirtExecutor
from kvmreconcile.execute.retry import Pace
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Desired, Key, Outcome, Plan, Report, Settled, World
from kvmreconcile.plan import Overrides, plan
from kvmreconcile.state import State
from tests.execute.host import KINDS, Host, world


class Diary:
    """A reporter that records its calls."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, action: Action) -> None:
        self.lines.append(f"started {action.verb.name} {action.key}")

    def finished(self, outcome: Outcome) -> None:
        self.lines.append(f"{outcome.result.value} {outcome.action.verb.name} {outcome.action.key}")

    def settled(self, key: Key, settled: Settled) -> None:
        self.lines.append(f"settled {key} {settled.path}: {settled.asked} is {settled.answered}")


class Time:
    """A clock that advances by sleeping, and by one second each time it is read."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def read(self) -> float:
        self.now_s += 1.0
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)


@dataclass
class Stage:
    """The objects that take part in an execution."""

    host: Host
    state: State
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    diary: Diary = field(default_factory=Diary)
    time: Time = field(default_factory=Time)

    def executor(self, workers: int = 4) -> LibvirtExecutor:
        pace = Pace(self.time.read, self.time.sleep)
        return LibvirtExecutor(self.kinds, self.host, self.state, self.diary, workers, pace)

    def execute(self, *actions: Action, wanted: tuple[Desired, ...] = (), workers: int = 4) -> Report:
        """Execute these actions."""
        return self.executor(workers).execute(Plan(actions), world(self.host, *wanted))

    def plan(self, *wanted: Desired, overrides: Overrides | None = None) -> Plan:
        return plan(self.observe(*wanted), self.kinds, overrides)

    def observe(self, *wanted: Desired) -> World:
        seen = world(self.host, *wanted, applied=self.state.applied())
        return replace(
            seen, probations=self.state.probations(), edits=self.state.edits(), software=self.host.software()
        )

    def apply(self, *wanted: Desired, workers: int = 4) -> Report:
        """Plan and execute, as a pass does."""
        return self.apply_by(self.executor(workers), *wanted)

    def apply_by(self, executor: LibvirtExecutor, *wanted: Desired) -> Report:
        """Plan and execute with an existing executor."""
        seen = self.observe(*wanted)
        return executor.execute(plan(seen, self.kinds), seen)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "host").mkdir()
    state = State.open(tmp_path / "state")
    yield Stage(Host(tmp_path / "host"), state)
    state.close()
