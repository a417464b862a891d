"""Specs are read again without a trigger when a document that generates others must be expanded again."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.expander import Expander, Expansion, OwnerDocument, Spec
from kvmreconcile.model import Capacity, Fact, Facts, Key
from kvmreconcile.reconcile.spec_reader import SpecReader
from kvmreconcile.reconcile.stale_objects import StaleObjects
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.write_state import WriteState
from tests.source.test_expansion import Networks, document

OWNER = "apiVersion: kvmreconcile/v1\nkind: {}\nmetadata: {{name: all}}\nspec: {{}}\n"
KNOWN = {kind.name: kind for kind in KINDS}


class EmptySpec(Spec):
    """No fields."""


class Session:
    """The part of a session that reading specs uses, on a host whose number of CPUs the test sets."""

    def __init__(self) -> None:
        self.cpus = 1
        self.kinds = KNOWN
        self.settings = Settings()

    def facts(self, now: datetime) -> Facts:
        return Facts(now, capacity=Fact(Capacity(self.cpus, 1 << 30), now, 60.0))


def lasts(seconds: float) -> Any:
    """Return an expander whose result is valid for some seconds from its call."""

    def expand(owner: OwnerDocument, facts: Facts) -> Expansion:
        until = facts.now + timedelta(seconds=seconds)
        return Expansion((document("Network", "lan", owner.item),), until)

    return expand


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> SpecReader:
    expanders = (
        Expander("Networks", EmptySpec, Networks(), reads=frozenset({"capacity"})),
        Expander("Passing", EmptySpec, lasts(60.0)),
    )
    kinds = {**KNOWN, **{each.name: each for each in expanders}}
    monkeypatch.setattr("kvmreconcile.reconcile.spec_reader.document_kinds", lambda _kinds: kinds)
    return SpecReader(lambda _file: WriteState.CLOSED)


def load(reader: SpecReader, session: Session, directory: Path) -> tuple[list[str], set[Key]]:
    """Return the names of the desired objects, and the objects that must be observed again."""
    stale, any_session = StaleObjects(everything=False, specs=False), SimpleNamespace(**vars(session))
    any_session.facts = session.facts
    origin: Any = SpecOrigin([directory])
    found: Any = reader
    return [key.name for key in found.load(origin, any_session, stale).desired], stale.keys


def test_changed_fact_has_the_document_expanded_again(reader: SpecReader, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(OWNER.format("Networks"))
    session = Session()

    first, _ = load(reader, session, tmp_path)
    same, stale = load(reader, session, tmp_path)
    session.cpus = 2
    more, new = load(reader, session, tmp_path)

    assert (first, same, stale) == (["lan0"], ["lan0"], set())
    assert (more, new) == (["lan0", "lan1"], {Key("Network", "lan1")})


def test_end_of_a_result_is_when_the_next_pass_is_due(reader: SpecReader, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(OWNER.format("Passing"))
    assert reader.due_s() is None

    load(reader, Session(), tmp_path)

    due_s = reader.due_s()
    assert due_s is not None
    assert 50 < due_s - reader.clock() <= 60


def test_document_without_facts_and_times_makes_no_pass_due(reader: SpecReader, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(OWNER.format("Network"))

    load(reader, Session(), tmp_path)

    assert reader.due_s() is None
