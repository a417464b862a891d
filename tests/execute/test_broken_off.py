"""Values added or removed by an interrupted change are still recorded as ours."""

from dataclasses import replace

from kvmreconcile.errors import Rejected
from kvmreconcile.model import Key, Power
from kvmreconcile.tree import Node, parse
from tests.execute.conftest import Stage
from tests.execute.host import desired

WEB = Key("Domain", "web")
DISKS = '<domain><disk dev="a" size="1"/><disk dev="b" size="1"/></domain>'


def test_additions_by_an_interrupted_change_are_recorded_as_managed(stage: Stage) -> None:
    one = desired("Domain/web", '<domain><disk dev="a" size="1"/></domain>', power=Power.RUNNING)
    stage.apply(one)
    stage.host.delete(WEB, ".active")
    stage.host.faults["start Domain/web"] = [Rejected("no KVM")]
    stage.apply(replace(one, tree=parse(DISKS)))
    assert [d.attr("dev") for d in stage.host.tree(WEB).all("disk")] == ["a", "b"]

    stage.apply(one)

    assert [d.attr("dev") for d in stage.host.tree(WEB).all("disk")] == ["a"]
    assert stage.plan(one).is_empty


def test_creation_defaults_of_an_interrupted_change_are_not_recorded_as_desired(stage: Stage) -> None:
    one = desired("Domain/web", '<domain><disk dev="a" size="1"/></domain>', power=Power.RUNNING)
    two = replace(one, tree=parse(DISKS))
    stage.apply(one)
    stage.host.delete(WEB, ".active")
    stage.host.faults["start Domain/web"] = [Rejected("no KVM")]
    stage.apply(two)

    report = stage.apply(two)

    assert [o.action.verb.name for o in report.outcomes] == ["start"]
    assert [d.attr("cache") for d in stage.host.tree(WEB).all("disk")] == ["none", "none"]


def test_elements_removed_by_an_interrupted_change_stay_recorded_as_managed(stage: Stage) -> None:
    stage.apply(desired("Domain/web", '<domain><nic name="old"/></domain>'))
    stage.host.faults["define Domain/web"] = [Rejected("no")]
    stage.apply(desired("Domain/web", '<domain><nic name="new"/></domain>'))

    stage.apply(desired("Domain/web"))

    assert list(stage.host.tree(WEB).all("nic")) == []


def test_additions_by_an_interrupted_adoption_are_recorded_as_managed(stage: Stage) -> None:
    uuid = "11111111-1111-4111-8111-111111111111"
    stage.host.write(WEB, f'<domain><uuid>{uuid}</uuid><disk dev="theirs"/></domain>')
    web = desired("Domain/web", DISKS, power=Power.RUNNING)
    web = replace(web, policy=replace(web.policy, adopt=True))
    stage.host.faults["start Domain/web"] = [Rejected("no KVM")]
    stage.apply(web)
    assert stage.state.applied()[WEB].uuid == uuid

    stage.apply(replace(web, tree=Node("domain")))

    assert [d.attr("dev") for d in stage.host.tree(WEB).all("disk")] == ["theirs"]
