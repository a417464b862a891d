"""Guests that run are looked at after full passes, beside them, and what is found is told."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Event
from typing import Any

import pytest

from kvmreconcile.daemon.condition_log import NoticeLog
from kvmreconcile.daemon.readiness_probe import ReadinessProbe
from kvmreconcile.errors import HostError, NotYet, Rejected, Unavailable
from kvmreconcile.events.events import Lost, PassEvent, PassPlanned, ReadinessProbed
from kvmreconcile.model import Action, Desired, Key, Lifecycle, Plan, Policy, Power, Ready
from kvmreconcile.source.load import Loaded
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
    """Guests that run on a host of files, and what is told of them."""

    host: Host
    told: "Queue[PassEvent]" = field(default_factory=Queue)
    connections: int = 0

    def probe(self, again_s: float = 3600.0) -> ReadinessProbe:
        return ReadinessProbe(self.connect, KINDS, self.told.put, again_s)

    @contextmanager
    def connect(self) -> Iterator[Host]:
        self.connections += 1
        yield self.host

    def planned(self, *triggered_by: str, allowed: tuple[Action, ...] = (), **more: Any) -> PassPlanned:
        """Return what a pass tells that looked at all guests."""
        seen = world(self.host, *(guest(key) for key in (WEB, DB, APP)))
        parts: Mapping[str, Any] = {
            "commit": "",
            "specs": Loaded((), {}, (), frozenset(), complete=True),
            "plan": Plan(),
            "waits": {},
            "took_s": 0.0,
        }
        told = {
            "at": NOW,
            "pass_id": "1",
            "triggered_by": triggered_by,
            "busy": frozenset(),
            "world": seen,
            **parts,
        }
        return PassPlanned(**{**told, "allowed": Plan(allowed), **more})

    def found(self) -> ReadinessProbed:
        news = self.told.get(timeout=WITHIN_S)
        assert isinstance(news, ReadinessProbed)
        return news

    def asked(self) -> set[str]:
        return {line.removeprefix("ready ") for line in self.host.log}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    host = Host(tmp_path)
    for key in (WEB, DB):
        host.write(key, "<domain/>")
        host.write(key, "", ".active")
    return Bench(host)


def test_after_a_full_pass_those_that_run_are_looked_at_once(bench: Bench) -> None:
    bench.host.faults["ready Domain/db"] = [NotYet("Domain/db: not ready", 100, "its agent is silent")]

    with bench.probe() as probe:
        probe(bench.planned("resync"))

        found = bench.found()

    assert found.asked == {WEB, DB}
    assert found.unready == {DB: "its agent is silent"}
    assert bench.asked() == {"Domain/web", "Domain/db"}
    assert bench.connections == 1


def test_a_pass_over_some_objects_asks_for_no_look(bench: Bench) -> None:
    with bench.probe() as probe:
        probe(bench.planned("Domain/web", "specs", "progress"))
        probe(bench.planned("Domain/web", "resync"))

        bench.found()

    assert sorted(bench.host.log) == ["ready Domain/db", "ready Domain/web"]


def test_what_a_pass_is_working_on_is_left_to_it(bench: Bench) -> None:
    with bench.probe() as probe:
        probe(bench.planned("resync", busy=frozenset({WEB}), allowed=(action("define", "Domain/db"),)))

        found = bench.found()

    assert found.asked == frozenset()
    assert bench.connections == 0


def test_what_a_pass_takes_in_hand_during_a_look_is_left_to_it(bench: Bench) -> None:
    bench.host.faults["ready Domain/db"] = [NotYet("no", 100)]
    bench.host.faults["ready Domain/web"] = [NotYet("no", 100)]

    with bench.probe() as probe:
        bench.host.before = lambda _action: probe(bench.planned("Domain/web", busy=frozenset({WEB})))
        probe(bench.planned("resync"))

        assert bench.found().unready == {DB: "no"}


def test_while_one_is_not_ready_all_are_looked_at_again_soon(bench: Bench) -> None:
    bench.host.faults["ready Domain/web"] = [NotYet("no", 100), Rejected("it has no agent")]

    with bench.probe(again_s=0.01) as probe:
        probe(bench.planned("resync"))

        assert [bench.found().unready for _ in range(3)] == [{WEB: "no"}, {WEB: "it has no agent"}, {}]
        with pytest.raises(Empty):
            bench.told.get(timeout=0.2)


def test_a_lost_connection_tells_nothing(bench: Bench) -> None:
    bench.host.faults["ready Domain/web"] = [Unavailable("gone")]

    with bench.probe() as probe:
        probe(bench.planned("resync"))
        wait_until(lambda: bench.connections == 1)
        probe(Lost(NOW, "test:///", "gone"))
        probe(bench.planned("connected"))

        assert bench.found().unready == {}


def test_a_host_that_cannot_be_reached_is_not_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Event()

    def refuse() -> Host:
        refused.set()
        raise HostError("refused")

    with bench.probe() as probe:
        with monkeypatch.context() as broken:
            broken.setattr(probe, "_connect", refuse)
            probe(bench.planned("resync"))
            assert refused.wait(WITHIN_S)
        probe(bench.planned("connected"))

        assert bench.found().unready == {}


def test_nobody_waits_for_a_look_that_hangs(bench: Bench) -> None:
    hangs, goes_on = Event(), Event()

    def hang(_action: Action) -> None:
        hangs.set()
        goes_on.wait(WITHIN_S)

    bench.host.before = hang
    with bench.probe() as probe:
        probe(bench.planned("resync"))
        assert hangs.wait(WITHIN_S)
        probe(bench.planned("resync"))

    assert bench.told.empty()
    goes_on.set()


def test_log_tells_once_that_a_guest_is_not_ready_and_once_that_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log, lacks = NoticeLog(), {WEB: "its agent is silent"}

    for unready in (lacks, {WEB: "its port is closed"}, {}, {}):
        log(ReadinessProbed(NOW, frozenset({WEB}), unready))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2:] and ("object.unready" in line, "object.ready" in line) for line in lines] == [
        (True, False),
        (False, True),
    ]
    assert "its agent is silent" in lines[0]
