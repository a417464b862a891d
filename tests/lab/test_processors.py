"""Processors removed from a running guest: with KVM only, and only those that the guest releases."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.lab import Lab
from tests.lab.session import Session


def write_guest(session: Session, kind: str, count: int) -> None:
    """Write the spec of a guest that stays in its firmware, which releases no processor."""
    spec: dict[str, Any] = {
        "type": kind,
        "memory": "64MiB",
        "cpu": {"mode": "custom", "model": "kvm64"},
        "vcpus": {"count": count, "maximum": 2},
    }
    document = {
        "apiVersion": "kvmreconcile/v1",
        "kind": "Domain",
        "metadata": {"name": "cpu1"},
        "spec": spec,
    }
    session.write("cpu1.yaml", yaml.safe_dump(document))


def live_count(session: Session) -> str:
    return session.lab.virsh("vcpucount", "cpu1", "--current", "--live").strip()


@pytest.mark.skipif(not Path("/dev/kvm").exists(), reason="this machine has no KVM")
def test_guest_that_keeps_a_plugged_processor_is_reported_and_keeps_running(lab: Lab, tmp_path: Path) -> None:
    session = Session(lab, tmp_path)
    write_guest(session, "kvm", 1)
    session.converge()
    write_guest(session, "kvm", 2)
    session.converge()
    run = lab.virsh("domid", "cpu1")
    write_guest(session, "kvm", 1)

    result = session.apply()

    assert result.exit_code == 1
    assert "Domain/cpu1: the guest did not release the vCPUs" in result.output
    assert lab.virsh("domid", "cpu1") == run
    assert live_count(session) == "2"
    assert session.drift() == ["Domain/cpu1 set-vcpus", "Domain/cpu1 + vcpu/@current"]


def test_processor_that_emulation_cannot_unplug_is_pending(lab: Lab, tmp_path: Path) -> None:
    session = Session(lab, tmp_path)
    write_guest(session, "qemu", 1)
    session.converge()
    write_guest(session, "qemu", 2)
    session.converge()
    write_guest(session, "qemu", 1)

    session.converge()

    assert live_count(session) == "2"
    assert session.plan()["pending"].keys() == {"Domain/cpu1"}
