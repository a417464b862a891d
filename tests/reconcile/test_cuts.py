"""The demo's files, each truncated at every byte: nothing is removed while a file is written or before it settles."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kvmreconcile.host.endpoint import Down
from kvmreconcile.kinds.ownership_mark import read_mark
from kvmreconcile.model import Action, Actual, Hold, Key, Observation, Plan, Prune, World
from kvmreconcile.plan import plan
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.gates.settle import parts
from kvmreconcile.reconcile.spec_reader import SpecReader
from kvmreconcile.reconcile.stale_objects import StaleObjects
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.write_state import WriteState
from kvmreconcile.tree import Effect, to_xml

DEMO = Path(__file__).parents[2] / "specs/demo"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SETTINGS = Settings(
    instance="demo", prune=dict.fromkeys(("Domain", "Network", "StoragePool", "Volume"), "auto")
)
KINDS = known_kinds()
EXTRA_DISK = "    - {name: data, volume: {pool: demo, name: golden.qcow2}}\n"


@dataclass
class Demo:
    """The demo on a running host, read by a daemon with a clock that tests advance."""

    specs: Path
    now_s: float = 0.0
    written: WriteState = WriteState.CLOSED
    reader: SpecReader = field(init=False)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        unused: Any = None
        self.session = Session(SETTINGS, KINDS, Down("it is not used"), unused)
        self.reader = SpecReader(lambda _file: self.written, lambda: self.now_s)
        self.world = self._running(self.read())
        self.now_s += 3600.0
        first = self.plan(self.read())
        assert (first.actions, first.held) == ((), ())

    def read(self) -> Loaded:
        return self.reader.load(SpecOrigin([self.specs]), self.session, StaleObjects())

    def plan(self, specs: Loaded) -> Plan:
        seen = replace(
            self.world,
            desired=specs.desired,
            frozen=specs.frozen,
            complete=specs.complete,
            first_seen=specs.first_seen,
        )
        return plan(seen, KINDS)

    def _running(self, specs: Loaded) -> World:
        """Return a world in which all objects match their specs and run."""
        empty = World("demo", "kvm1", NOW, specs.desired, Observation(), {})
        planned = {a.key: a.tree for a in plan(empty, KINDS).actions if a.verb.name == "create" and a.tree}
        observed: dict[Key, Actual] = {}
        for key, tree in planned.items():
            desired, xml, runs = specs.desired[key], to_xml(tree), KINDS[key.kind].has_lifecycle
            observed[key] = Actual(
                key,
                tree.get("uuid") or "",
                xml,
                live_xml=xml if runs else None,
                active=runs,
                autostart=desired.autostart,
                runtime_id=1 if runs else None,
                ownership_mark=read_mark(tree),
            )
        known = {k: applied_after(specs.desired[k], a, KINDS[k.kind], "demo") for k, a in observed.items()}
        prune = {kind: Prune(word) for kind, word in SETTINGS.prune.items()}
        return replace(empty, observed=Observation(observed), applied=known, prune=prune)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    specs = tmp_path_factory.mktemp("demo") / "specs"
    shutil.copytree(DEMO, specs)
    with (specs / "db1.yaml").open("a") as file:
        file.write(EXTRA_DISK)
    return Demo(specs)


FILES = sorted(path.name for path in DEMO.iterdir())


@pytest.fixture
def cuts(demo: Demo, request: pytest.FixtureRequest) -> Iterator[Iterator[int]]:
    """Truncate a file to each length, and yield each length after the truncation."""
    file, whole = demo.specs / request.param, (demo.specs / request.param).read_bytes()

    def each() -> Iterator[int]:
        for length in range(len(whole)):
            file.write_bytes(whole[:length])
            yield length

    yield each()
    file.write_bytes(whole)
    demo.written = WriteState.CLOSED
    demo.read()


@pytest.mark.case("8a")
@pytest.mark.case("8b")
@pytest.mark.parametrize("cuts", FILES, indirect=True)
def test_last_content_of_truncated_file_is_used_while_it_is_open_for_writing(
    demo: Demo, cuts: Iterator[int]
) -> None:
    before = demo.read()
    demo.written = WriteState.OPEN

    for _ in cuts:
        demo.now_s += 60.0
        after = demo.read()
        assert all(after.desired[key] is desired for key, desired in before.desired.items())
        assert (after.desired.keys(), after.frozen) == (before.desired.keys(), before.frozen)
        assert after.complete


@pytest.mark.case("8b")
@pytest.mark.parametrize("cuts", FILES, indirect=True)
def test_last_content_of_truncated_file_is_used_until_read_time_has_passed(
    demo: Demo, cuts: Iterator[int]
) -> None:
    before = demo.read()
    demo.written = WriteState.UNSURE

    for _ in cuts:
        demo.now_s += SETTINGS.settle.read_s - 0.1
        after = demo.read()
        assert all(after.desired[key] is desired for key, desired in before.desired.items())
        assert (after.desired.keys(), after.complete) == (before.desired.keys(), True)


@pytest.mark.case("8a")
@pytest.mark.case("8b")
@pytest.mark.parametrize("cuts", FILES, indirect=True)
def test_truncated_closed_file_removes_nothing_before_settle_time_has_passed(
    demo: Demo, cuts: Iterator[int]
) -> None:
    demo.read()
    whole = demo.reader._first_seen
    holds: set[Hold] = set()
    for _ in cuts:
        # Each time the complete file is truncated, not a file that was truncated before.
        demo.reader._first_seen = replace(whole)
        demo.read()
        demo.now_s += SETTINGS.settle.removal_s - 0.1
        planned = demo.plan(demo.read())
        assert not [str(action.key) for action in planned.actions if takes_away(action)]
        holds |= {held.hold for held in planned.held}

    # Some truncations do remove something. Disks in use by guests are always kept.
    assert holds & {Hold.SETTLE, Hold.PROTECTED}


def takes_away(action: Action) -> bool:
    rules = KINDS[action.key.kind].rules
    lost = [part for change in action.changes for part in parts(change, rules)]
    return bool(lost) or action.verb.name in ("remove", "detach", "stop") or action.effect >= Effect.REPLACE
