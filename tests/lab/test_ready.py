"""A guest that was started is waited for until it does its work, and what is started after it waits with it."""

from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, ask_agent
from tests.lab.lab import Lab
from tests.lab.site import Site

GUEST = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: {name}}}
spec:
  type: qemu
  memory: 96MiB
  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
"""
# It finds nothing to boot from, so that its agent never answers.
EMPTY = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: {name}}}
spec:
  type: qemu
  memory: 96MiB
"""


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    """A host without specs."""
    return Site(lab, tmp_path)


def guest(site: Site, files: GuestFiles, name: str, *more: str) -> None:
    """Write the spec of a tiny guest."""
    site.write(f"{name}.yaml", GUEST.format(name=name, files=files) + "".join(f"  {line}\n" for line in more))


def empty(site: Site, name: str, *more: str) -> None:
    """Write the spec of a guest that runs and does nothing."""
    site.write(f"{name}.yaml", EMPTY.format(name=name) + "".join(f"  {line}\n" for line in more))


def state(site: Site, name: str) -> str:
    return site.lab.virsh("domstate", name).strip()


def test_guest_is_done_once_its_agent_answers(site: Site, guest_files: GuestFiles) -> None:
    guest(site, guest_files, "web", "ready: {agent: true}")

    site.converge()

    assert ask_agent(site.lab, "web", "guest-ping") == {}
    site.assert_in_sync()


def test_guest_whose_agent_never_answers_is_reported_with_the_reason_and_runs_on(
    site: Site, guest_files: GuestFiles
) -> None:
    empty(site, "web", "ready: {agent: true, timeout: 2s}")
    empty(site, "other")

    result = site.apply()

    assert result.exit_code == 1
    assert "Domain/web: not ready within 2 s: agent: " in result.output
    assert "agent is not connected" in result.output
    assert state(site, "web") == "running"
    assert state(site, "other") == "running"
    site.assert_in_sync()
