"""An edit with which a real guest does not answer any more is taken back, and goes no further in its group."""

from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.site import Site

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
def site(lab: Lab, tmp_path: Path) -> Site:
    """A host without specs."""
    return Site(lab, tmp_path)


def test_edit_that_silences_a_guest_is_taken_back_and_the_other_of_its_group_never_restarted(
    site: Site, guest_files: GuestFiles
) -> None:
    site.write("web1.yaml", GUEST.format(files=guest_files))
    site.write("web2.yaml", OTHER)
    site.converge()
    ran = {name: site.lab.virsh("domid", name) for name in ("web1", "web2")}
    stored = site.lab.virsh("dumpxml", "--inactive", "web1")
    site.edit("web1.yaml", GOOD, BAD)
    site.edit("web1.yaml", "timeout: 60s", "timeout: 2s")
    site.edit("web2.yaml", "96MiB", "98MiB")

    result = site.apply()

    assert result.exit_code == 1
    assert "Domain/web1: not ready within 2 s: agent: " in result.output
    assert "an edit is rolled back" in result.output
    wait_for_agent(site.lab, "web1")
    assert site.lab.virsh("domid", "web1") != ran["web1"]
    assert site.lab.virsh("domid", "web2") == ran["web2"]
    assert site.lab.virsh("dumpxml", "--inactive", "web1") == stored
    plan = site.plan()
    assert plan["actions"] == []
    assert {(h["key"], h["hold"]) for h in plan["held"]} == {
        ("Domain/web1", "taken-back"),
        ("Domain/web2", "rollout"),
    }

    site.edit("web1.yaml", BAD, GOOD)
    site.edit("web1.yaml", "timeout: 2s", "timeout: 60s")

    # With the edit gone, the other's goes on.
    site.converge()
    site.assert_in_sync()
    assert site.lab.virsh("domid", "web1") != ran["web1"]
    assert site.lab.virsh("domid", "web2") != ran["web2"]
