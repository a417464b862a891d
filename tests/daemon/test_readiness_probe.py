"""Running guests are probed in parallel with passes after each full pass, and the result is published."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Event
from typing import Any

import pytest

from kvmreconcile.daemon.condition_log import ConditionLog
from kvmreconcile.daemon.readiness_probe import ReadinessProbe
from kvmreconcile.errors import HostError, NotYet, Rejected, Unavailable
from kvmreconcile.events.events import Lost, PassEvent, PassPlanned, ReadinessProbed
from kvmreconcile.model import Action, Desired, Key, Lifecycle, Plan, Policy, Power, Ready
from kvmreconcile.source.loaded import Loaded
from tests.execute.host import KINDS, Host, action, desired, world
from tests.waiting import wait_until

WEB, DB, APP = (Key("Domain", name) for name in ("web", "db", "app"))
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
WITHIN_S = 30.0


def guest(key: Key) -> Desired:
    return replace(
        desired(str(key), power=Power.RUNNING),
        policy=Policy(lifecycle=Lifecycle(ready=Ready(agent=True, delay_s=60))),
    )


@dataclass
class Bench:
    """Running guests on a host of files, and the published events."""

    host: Host
    published: "Queue[PassEvent]" = field(default_factory=Queue)
    connections: int = 0

    def probe(self, again_s: float = 3600.0) -> ReadinessProbe:
        return ReadinessProbe(self.connect, KINDS, self.published.put, again_s)

    @contextmanager
    def connect(self) -> Iterator[Host]:
        self.connections += 1
        yield self.host

    def pass_planned(self, *triggered_by: str, allowed: tuple[Action, ...] = (), **more: Any) -> PassPlanned:
        """Return the event of a pass that observed all guests."""
        seen = world(self.host, *(guest(key) for key in (WEB, DB, APP)))
        parts: Mapping[str, Any] = {
            "commit": "",
            "specs": Loaded((), {}, (), frozenset(), complete=True),
            "plan": Plan(),
            "waits": {},
            "took_s": 0.0,
        }
        published = {
            "at": NOW,
            "pass_id": "1",
            "triggered_by": triggered_by,
            "busy": frozenset(),
            "world": seen,
            **parts,
        }
        return PassPlanned(**{**published, "allowed": Plan(allowed), **more})

    def next_probed(self) -> ReadinessProbed:
        event = self.published.get(timeout=WITHIN_S)
        assert isinstance(event, ReadinessProbed)
        return event

    def probed_keys(self) -> set[str]:
        return {line.removeprefix("ready ") for line in self.host.log}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    host = Host(tmp_path)
    for key in (WEB, DB):
        host.write(key, "<domain/>")
        host.write(key, "", ".active")
    return Bench(host)


def test_running_guests_are_probed_once_after_full_pass(bench: Bench) -> None:
    bench.host.faults["ready Domain/db"] = [NotYet("Domain/db: not ready", 100, "its agent is silent")]

    with bench.probe() as probe:
        probe(bench.pass_planned("resync"))

        next_probed = bench.next_probed()

    assert next_probed.probed == {WEB, DB}
    assert next_probed.unready == {DB: "its agent is silent"}
    assert bench.probed_keys() == {"Domain/web", "Domain/db"}
    assert bench.connections == 1


def test_pass_over_single_objects_starts_no_probe(bench: Bench) -> None:
    with bench.probe() as probe:
        probe(bench.pass_planned("Domain/web", "specs", "progress"))
        probe(bench.pass_planned("Domain/web", "resync"))

        bench.next_probed()

    assert sorted(bench.host.log) == ["ready Domain/db", "ready Domain/web"]


def test_guest_that_a_pass_changes_is_not_probed(bench: Bench) -> None:
    with bench.probe() as probe:
        probe(bench.pass_planned("resync", busy=frozenset({WEB}), allowed=(action("define", "Domain/db"),)))

        next_probed = bench.next_probed()

    assert next_probed.probed == frozenset()
    assert bench.connections == 0


def test_guest_that_a_pass_starts_to_change_during_probe_is_not_reported(bench: Bench) -> None:
    bench.host.faults["ready Domain/db"] = [NotYet("no", 100)]
    bench.host.faults["ready Domain/web"] = [NotYet("no", 100)]

    with bench.probe() as probe:
        bench.host.before = lambda _action: probe(bench.pass_planned("Domain/web", busy=frozenset({WEB})))
        probe(bench.pass_planned("resync"))

        assert bench.next_probed().unready == {DB: "no"}


def test_guests_are_probed_again_soon_while_one_is_unready(bench: Bench) -> None:
    bench.host.faults["ready Domain/web"] = [NotYet("no", 100), Rejected("it has no agent")]

    with bench.probe(again_s=0.01) as probe:
        probe(bench.pass_planned("resync"))

        assert [bench.next_probed().unready for _ in range(3)] == [{WEB: "no"}, {WEB: "it has no agent"}, {}]
        with pytest.raises(Empty):
            bench.published.get(timeout=0.2)


def test_lost_connection_publishes_no_result(bench: Bench) -> None:
    bench.host.faults["ready Domain/web"] = [Unavailable("gone")]

    with bench.probe() as probe:
        probe(bench.pass_planned("resync"))
        wait_until(lambda: bench.connections == 1)
        probe(Lost(NOW, "test:///", "gone"))
        probe(bench.pass_planned("connected"))

        assert bench.next_probed().unready == {}


def test_probing_continues_after_failed_connection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Event()

    def refuse_connection() -> Host:
        refused.set()
        raise HostError("refused")

    with bench.probe() as probe:
        with monkeypatch.context() as patch:
            patch.setattr(probe, "_connect", refuse_connection)
            probe(bench.pass_planned("resync"))
            assert refused.wait(WITHIN_S)
        probe(bench.pass_planned("connected"))

        assert bench.next_probed().unready == {}


def test_hanging_probe_blocks_nothing(bench: Bench) -> None:
    hangs, resume = Event(), Event()

    def hang(_action: Action) -> None:
        hangs.set()
        resume.wait(WITHIN_S)

    bench.host.before = hang
    with bench.probe() as probe:
        probe(bench.pass_planned("resync"))
        assert hangs.wait(WITHIN_S)
        probe(bench.pass_planned("resync"))

    assert bench.published.empty()
    resume.set()


def test_unready_guest_is_logged_once_and_once_when_ready(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log, reasons = ConditionLog(), {WEB: "its agent is silent"}

    for unready in (reasons, {WEB: "its port is closed"}, {}, {}):
        log(ReadinessProbed(NOW, frozenset({WEB}), unready))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2:] and ("object.unready" in line, "object.ready" in line) for line in lines] == [
        (True, False),
        (False, True),
    ]
    assert "its agent is silent" in lines[0]
