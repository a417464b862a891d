"""The times since which specs have been unchanged or missing."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Desired, Key, Source
from kvmreconcile.reconcile.first_seen import FirstSeenLog
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.tree import make

WEB, DB = Key("Domain", "web"), Key("Domain", "db")


def make_desired(key: Key, memory: str = "1", line: int = 1) -> Desired:
    return Desired(key, make("domain", {"memory": memory}), source=Source("a.yaml", line, 1))


def specs(*desired: Desired, complete: bool = True, frozen: frozenset[Key] = frozenset()) -> Loaded:
    return Loaded((), {d.key: d for d in desired}, (), frozen, complete=complete)


@pytest.fixture
def log() -> FirstSeenLog:
    return FirstSeenLog()


def read(log: FirstSeenLog, at_s: float, loaded: Loaded) -> dict[Key, float]:
    """Return, by object, the time for which its spec has been unchanged or missing."""
    first_seen = log.record(loaded, at_s, delivered=False)
    return {key: first_seen.age_s(key) for key in (WEB, DB)}


def test_age_of_document_starts_at_first_read(log: FirstSeenLog) -> None:
    assert read(log, 10.0, specs(make_desired(WEB), make_desired(DB))) == {WEB: 0.0, DB: 0.0}
    assert read(log, 40.0, specs(make_desired(WEB), make_desired(DB))) == {WEB: 30.0, DB: 30.0}


@pytest.mark.case("8b")
def test_changed_document_has_age_0(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(make_desired(WEB), make_desired(DB)))

    assert read(log, 40.0, specs(make_desired(WEB, "2"), make_desired(DB))) == {WEB: 0.0, DB: 30.0}
    assert read(log, 50.0, specs(make_desired(WEB, "1"), make_desired(DB)))[WEB] == 0.0


def test_moved_document_keeps_age(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(make_desired(WEB), make_desired(DB)))

    assert read(log, 40.0, specs(make_desired(WEB, line=7), make_desired(DB)))[WEB] == 30.0


@pytest.mark.case("8a")
def test_age_of_missing_document_starts_at_first_read_without_it(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(make_desired(WEB), make_desired(DB)))

    assert read(log, 40.0, specs(make_desired(DB)))[WEB] == 0.0
    assert read(log, 69.0, specs(make_desired(DB)))[WEB] == 29.0
    assert read(log, 70.0, specs(make_desired(WEB), make_desired(DB)))[WEB] == 0.0
    assert read(log, 99.0, specs(make_desired(DB)))[WEB] == 0.0


@pytest.mark.case("8a")
def test_document_missing_at_first_read_counts_as_missing_since_that_read(log: FirstSeenLog) -> None:
    assert read(log, 10.0, specs(make_desired(DB)))[WEB] == 0.0
    assert read(log, 40.0, specs(make_desired(DB)))[WEB] == 30.0


def test_invalid_document_is_neither_missing_nor_unchanged_afterwards(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(make_desired(WEB), make_desired(DB)))
    read(log, 20.0, specs(make_desired(DB), frozen=frozenset({WEB})))

    assert read(log, 40.0, specs(make_desired(WEB), make_desired(DB)))[WEB] == 0.0
    read(log, 50.0, specs(make_desired(DB), frozen=frozenset({WEB})))
    assert read(log, 80.0, specs(make_desired(DB)))[WEB] == 0.0


@pytest.mark.case("8a")
def test_no_document_counts_as_missing_while_specs_are_incomplete(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(make_desired(WEB), make_desired(DB)))
    read(log, 20.0, specs(make_desired(DB)))

    assert read(log, 40.0, specs(make_desired(DB), complete=False))[WEB] == 0.0
    assert read(log, 90.0, specs(make_desired(DB), complete=False))[WEB] == 0.0
    assert read(log, 100.0, specs(make_desired(DB)))[WEB] == 0.0
    assert read(log, 130.0, specs(make_desired(DB)))[WEB] == 30.0


def test_first_seen_records_whether_specs_were_delivered_as_commit(log: FirstSeenLog) -> None:
    assert log.record(specs(make_desired(WEB)), 1.0, delivered=True).delivered
    assert not log.record(replace(specs(make_desired(WEB))), 1.0, delivered=False).delivered
