"""A definition that libvirt's embedded driver rejects is held, and other actions run."""

from pathlib import Path

import libvirt
import pytest

from tests.lab.lab import Lab
from tests.lab.session import Session

HELD = 3
GUEST = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {{name: {}}}\nspec: {{type: qemu, state: stopped, memory: 64MiB{}}}\n"


@pytest.mark.case("38")
def test_rejected_guest_is_held_with_libvirts_message_and_others_are_created(
    lab: Lab, tmp_path: Path
) -> None:
    session = Session(lab, tmp_path)
    session.write("one.yaml", GUEST.format("one", ", controllers: [{type: ide, index: 0}]"))
    session.write("two.yaml", GUEST.format("two", ""))

    plan = session.plan()
    assert session.apply().exit_code == HELD

    (held,) = plan["held"]
    assert (held["key"], held["hold"]) == ("Domain/one", "invalid")
    assert held["detail"].startswith("libvirt says: ")
    assert "IDE" in held["detail"]
    assert lab.virsh("list", "--all", "--name").split() == ["two"]
    assert "unchecked" not in plan


@pytest.mark.case("38d")
def test_machine_type_that_does_not_fit_the_devices_is_held_and_the_guest_is_kept(
    lab: Lab, tmp_path: Path
) -> None:
    session = Session(lab, tmp_path)
    devices = ", machine: {}, disks: [{{name: a, device: cdrom, bus: {}}}]"
    session.write("one.yaml", GUEST.format("one", devices.format("pc", "ide")))
    session.converge()
    before = lab.virsh("dumpxml", "one")

    session.write("one.yaml", GUEST.format("one", ", machine: q35, disks: [{name: a, device: cdrom}]"))
    plan = session.plan()
    assert session.apply().exit_code == HELD

    assert [(held["key"], held["hold"]) for held in plan["held"]] == [("Domain/one", "invalid")]
    assert lab.virsh("dumpxml", "one") == before


def test_plan_lists_definitions_that_libvirt_did_not_validate(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(lab, tmp_path)
    session.write("one.yaml", GUEST.format("one", ""))
    monkeypatch.setattr(libvirt, "getVersion", lambda: 1)

    plan = session.plan()
    report = session.apply()

    assert [entry["key"] for entry in plan["unchecked"]] == ["Domain/one"]
    assert "Not validated by libvirt: Domain/one: libvirt's daemon runs version " in report.output
    assert report.exit_code == 0
