"""An edit that makes a real guest unready is rolled back, and is not applied to the rest of its group."""

from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import Session

GUEST = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: web1, labels: {{tier: web}}}}
spec:
  type: qemu
  memory: 96MiB
  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
  ready: {{agent: true, timeout: 60s}}
  update:
    {{maxEffect: restart, group: tier, rollback: true, shutdown: {{agent: false, acpi: false, force: true}}}}
"""
OTHER = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: web2, labels: {tier: web}}
spec:
  type: qemu
  memory: 96MiB
  ready: {delay: 10ms}
  update:
    {maxEffect: restart, group: tier, order: 1, rollback: true, shutdown: {agent: false, acpi: false, force: true}}
"""
GOOD, BAD = "cmdline: console=ttyS0 quiet", "cmdline: console=ttyS0 quiet rdinit=/bin/false panic=0"


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    """A host without specs."""
    return Session(lab, tmp_path)


def test_edit_that_makes_a_guest_unready_is_rolled_back_and_its_group_is_not_restarted(
    session: Session, guest_files: GuestFiles
) -> None:
    session.write("web1.yaml", GUEST.format(files=guest_files))
    session.write("web2.yaml", OTHER)
    session.converge()
    ran = {name: session.lab.virsh("domid", name) for name in ("web1", "web2")}
    stored = session.lab.virsh("dumpxml", "--inactive", "web1")
    session.edit("web1.yaml", GOOD, BAD)
    session.edit("web1.yaml", "timeout: 60s", "timeout: 2s")
    session.edit("web2.yaml", "96MiB", "98MiB")

    result = session.apply()

    assert result.exit_code == 1
    assert "Domain/web1: not ready within 2 s: agent: " in result.output
    assert "an edit is rolled back" in result.output
    wait_for_agent(session.lab, "web1")
    assert session.lab.virsh("domid", "web1") != ran["web1"]
    assert session.lab.virsh("domid", "web2") == ran["web2"]
    assert session.lab.virsh("dumpxml", "--inactive", "web1") == stored
    plan = session.plan()
    assert plan["actions"] == []
    assert {(h["key"], h["hold"]) for h in plan["held"]} == {
        ("Domain/web1", "taken-back"),
        ("Domain/web2", "rollout"),
    }

    session.edit("web1.yaml", BAD, GOOD)
    session.edit("web1.yaml", "timeout: 2s", "timeout: 60s")

    # Once the edit is reverted, the other guest's edit is applied.
    session.converge()
    session.assert_in_sync()
    assert session.lab.virsh("domid", "web1") != ran["web1"]
    assert session.lab.virsh("domid", "web2") != ran["web2"]
