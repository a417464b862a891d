"""Values that libvirt fills in at the start of a guest are no change, and pending changes do not block the others."""

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest, prepare
from tests.lab.session import Session

SPEC = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: web1}}
spec:
  type: qemu
  machine: q35
  title: One
  memory: 128MiB
  cpu: {{mode: host-model}}
  graphics: [{{type: vnc, listen: 127.0.0.1}}]
  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
  interfaces: [{{name: lan, network: lan}}]
"""


@pytest.fixture(scope="module")
def guest(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory, guest_files: GuestFiles) -> Guest:
    """A guest with all settings that libvirt rewrites at the start."""
    shared_lab.reset()
    session = Session(shared_lab, tmp_path_factory.mktemp("session"))
    prepare(session)
    session.write("web1.yaml", SPEC.format(files=guest_files))
    session.converge()
    wait_for_agent(shared_lab, "web1")
    return Guest(session, "web1")


@pytest.mark.parametrize(
    "filled_in",
    ["mode='custom'", "<target dev='vnet", "machine='pc-q35-", "<graphics type='vnc' port='59"],
    ids=["processor", "tap", "machine", "port"],
)
def test_values_that_libvirt_fills_in_at_the_start_are_no_change(guest: Guest, filled_in: str) -> None:
    assert filled_in in guest.virsh("dumpxml")
    guest.session.assert_in_sync()


def test_memory_above_the_boot_size_is_pending_and_the_title_is_applied(guest: Guest) -> None:
    boot = guest.boot
    guest.session.edit("web1.yaml", "memory: 128MiB", "memory: 192MiB")
    guest.session.edit("web1.yaml", "title: One", "title: Two")

    result = guest.session.apply()

    assert result.exit_code == 0, result.output
    assert guest.virsh("desc", "--title").strip() == "Two"
    assert [c["path"] for c in guest.session.plan()["pending"]["Domain/web1"]] == ["memory", "currentMemory"]
    assert guest.boot == boot
