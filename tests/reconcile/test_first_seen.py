"""Since when specs have said what they say, from one reading to the next."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Desired, Key, Source
from kvmreconcile.reconcile.first_seen import FirstSeenLog
from kvmreconcile.source.load import Loaded
from kvmreconcile.tree import make

WEB, DB = Key("Domain", "web"), Key("Domain", "db")


def wish(key: Key, memory: str = "1", line: int = 1) -> Desired:
    return Desired(key, make("domain", {"memory": memory}), source=Source("a.yaml", line, 1))


def specs(*desired: Desired, complete: bool = True, frozen: frozenset[Key] = frozenset()) -> Loaded:
    return Loaded((), {d.key: d for d in desired}, (), frozen, complete=complete)


@pytest.fixture
def log() -> FirstSeenLog:
    return FirstSeenLog()


def read(log: FirstSeenLog, at_s: float, loaded: Loaded) -> dict[Key, float]:
    """Return for how long each object has been as it is."""
    first_seen = log.read(loaded, at_s, delivered=False)
    return {key: first_seen.age_s(key) for key in (WEB, DB)}


def test_document_is_as_old_as_its_first_reading(log: FirstSeenLog) -> None:
    assert read(log, 10.0, specs(wish(WEB), wish(DB))) == {WEB: 0.0, DB: 0.0}
    assert read(log, 40.0, specs(wish(WEB), wish(DB))) == {WEB: 30.0, DB: 30.0}


@pytest.mark.case("8b")
def test_document_that_says_something_else_is_new(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(wish(WEB), wish(DB)))

    assert read(log, 40.0, specs(wish(WEB, "2"), wish(DB))) == {WEB: 0.0, DB: 30.0}
    assert read(log, 50.0, specs(wish(WEB, "1"), wish(DB)))[WEB] == 0.0


def test_document_that_says_the_same_elsewhere_is_not(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(wish(WEB), wish(DB)))

    assert read(log, 40.0, specs(wish(WEB, line=7), wish(DB)))[WEB] == 30.0


@pytest.mark.case("8a")
def test_document_that_is_gone_has_been_gone_since_it_was_first_missed(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(wish(WEB), wish(DB)))

    assert read(log, 40.0, specs(wish(DB)))[WEB] == 0.0
    assert read(log, 69.0, specs(wish(DB)))[WEB] == 29.0
    assert read(log, 70.0, specs(wish(WEB), wish(DB)))[WEB] == 0.0
    assert read(log, 99.0, specs(wish(DB)))[WEB] == 0.0


@pytest.mark.case("8a")
def test_what_was_missing_before_the_first_reading_is_missing_since_then(log: FirstSeenLog) -> None:
    assert read(log, 10.0, specs(wish(DB)))[WEB] == 0.0
    assert read(log, 40.0, specs(wish(DB)))[WEB] == 30.0


def test_document_that_is_wrong_is_neither_gone_nor_the_same_afterwards(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(wish(WEB), wish(DB)))
    read(log, 20.0, specs(wish(DB), frozen=frozenset({WEB})))

    assert read(log, 40.0, specs(wish(WEB), wish(DB)))[WEB] == 0.0
    read(log, 50.0, specs(wish(DB), frozen=frozenset({WEB})))
    assert read(log, 80.0, specs(wish(DB)))[WEB] == 0.0


@pytest.mark.case("8a")
def test_nothing_is_known_to_be_gone_while_not_all_can_be_read(log: FirstSeenLog) -> None:
    read(log, 10.0, specs(wish(WEB), wish(DB)))
    read(log, 20.0, specs(wish(DB)))

    assert read(log, 40.0, specs(wish(DB), complete=False))[WEB] == 0.0
    assert read(log, 90.0, specs(wish(DB), complete=False))[WEB] == 0.0
    assert read(log, 100.0, specs(wish(DB)))[WEB] == 0.0
    assert read(log, 130.0, specs(wish(DB)))[WEB] == 30.0


def test_whether_specs_come_as_a_whole_is_told(log: FirstSeenLog) -> None:
    assert log.read(specs(wish(WEB)), 1.0, delivered=True).delivered
    assert not log.read(replace(specs(wish(WEB))), 1.0, delivered=False).delivered
