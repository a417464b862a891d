"""Executing a plan does not overwrite or remove changes that other tools made after it was made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key, Plan, Report, World
from kvmreconcile.plan import Overrides, plan
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.load import load
from kvmreconcile.state import State
from tests.execute.conftest import Stage
from tests.execute.host import KINDS as FILES
from tests.execute.host import NOW, desired

WEB, DB = Key("Domain", "web"), Key("Domain", "db")
KNOWN = {kind.name: kind for kind in KINDS}
SPEC = """
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: web}
spec:
  state: stopped
  memory: MEMORY
  disks: [{name: root, file: /images/root.qcow2, target: vda}]
  xml: <domain type='test'/>
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An empty host; a mock with a file of its own is shared with no other test."""
    empty = tmp_path / "empty.xml"
    empty.write_text("<node/>")
    with connect(f"test://{empty}") as connection:
        state = State.open(tmp_path / "state")
        yield Session(Settings(specs=tmp_path / "specs.yaml"), KNOWN, connection, state)
        state.close()


def planned(session: Session, memory: str) -> tuple[Plan, World]:
    session.settings.specs.write_text(SPEC.replace("MEMORY", memory))
    specs = load([session.settings.specs], KNOWN, session.settings.instance)
    assert specs.problems == ()
    world = session.observe(specs, NOW)
    return session.plan(world, Overrides()), world


def errors(report: Report) -> list[str]:
    return [outcome.error for outcome in report.failed]


def test_snapshot_taken_after_the_plan_is_not_reverted(session: Session) -> None:
    assert session.execute(*planned(session, "1GiB"), SilentReporter()).failed == ()
    late = planned(session, "2GiB")
    domain = session.connection.virt.lookupByName("web")
    session.connection.virt.defineXML(domain.XMLDesc().replace("root.qcow2", "root.snapshot"))

    report = session.execute(*late, SilentReporter())

    assert errors(report) == [
        "Domain/web: the object changed after the plan was made; the next pass or apply replans it"
    ]
    assert report.failed[0].retry
    assert "root.snapshot" in domain.XMLDesc()
    assert "1048576" in domain.XMLDesc()


def test_object_recreated_by_another_tool_is_not_removed(stage: Stage) -> None:
    stage.apply(desired("Domain/web"), desired("Domain/db"))
    world = stage.observe(desired("Domain/db"))
    late = plan(world, FILES)
    assert [(a.verb.name, a.key) for a in late.actions] == [("remove", WEB)]
    stage.host.write(WEB, "<domain><uuid>of-another</uuid></domain>")

    report = stage.executor().execute(late, world)

    assert len(errors(report)) == 1
    assert stage.host.file(WEB).exists()


def test_removal_of_a_vanished_object_succeeds(stage: Stage) -> None:
    stage.apply(desired("Domain/web"), desired("Domain/db"))
    world = stage.observe(desired("Domain/db"))
    stage.host.delete(WEB)

    report = stage.executor().execute(plan(world, FILES), world)

    assert errors(report) == []
    assert WEB not in stage.state.applied()


def test_unobservable_or_busy_object_is_not_overwritten(stage: Stage) -> None:
    stage.apply(desired("Domain/web"), desired("Domain/db"))
    edited = "<domain><memory>4</memory></domain>"
    world = stage.observe(desired("Domain/web", edited), desired("Domain/db", edited))
    stage.host.unreadable[WEB] = "Domain/web: it does not answer"
    stage.host.jobs[DB] = "it is being migrated"

    report = stage.executor().execute(plan(world, FILES), world)

    assert sorted(errors(report)) == [
        "Domain/db: it is being migrated; the next pass or apply after the job replans the object",
        "Domain/web cannot be observed: it does not answer",
    ]
    assert not {"define Domain/web", "define Domain/db"} & set(stage.host.log)
