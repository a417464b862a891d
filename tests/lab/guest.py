"""Build and use the tiny guest: a real Linux that boots in seconds, with a guest agent and DHCP."""

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab, LabError
from tests.waiting import wait_until

_BUILD = Path(__file__).with_name("tiny-guest")
_PAUSE_S = 0.05
_PORTS_TO_PLUG_INTO = "".join(
    f"<controller type='pci' index='{index}' model='pcie-root-port'/>" for index in range(1, 9)
)

# Specs of a guest in a group, to be formatted with its name and files, and to be followed by more of its spec.
BOOTED = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: {name}, labels: {{tier: web}}}}
spec:
  type: qemu
  memory: 96MiB
  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
"""
# It finds nothing to boot from, so that it is started in no time and its agent never answers.
EMPTY = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: {name}, labels: {{tier: web}}}}
spec:
  type: qemu
  memory: 96MiB
"""


@dataclass(frozen=True, slots=True)
class GuestFiles:
    """The kernel and the initial file system that are all of the tiny guest."""

    vmlinuz: Path
    initrd: Path


def build_guest() -> GuestFiles:
    """Build the tiny guest unless it is built already."""
    directory = Path(subprocess.check_output([str(_BUILD)], text=True).strip())
    return GuestFiles(vmlinuz=directory / "vmlinuz", initrd=directory / "initrd")


def domain_xml(lab: Lab, name: str, files: GuestFiles, devices: str = "") -> str:
    """Return a domain that boots the tiny guest, with its console in a file, and `devices` besides."""
    return f"""
        <domain type='qemu'>
          <name>{name}</name>
          <memory unit='MiB'>96</memory>
          <vcpu>1</vcpu>
          <os>
            <type arch='x86_64' machine='q35'>hvm</type>
            <kernel>{files.vmlinuz}</kernel>
            <initrd>{files.initrd}</initrd>
            <cmdline>console=ttyS0 quiet</cmdline>
          </os>
          <features><acpi/></features>
          <devices>
            <serial type='file'><source path='{console(lab, name)}'/></serial>
            <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
            {_PORTS_TO_PLUG_INTO}
            {devices}
          </devices>
        </domain>"""


def console(lab: Lab, name: str) -> Path:
    """Return the file that holds what the guest printed."""
    return lab.path / "log" / f"{name}.console"


def ask_agent(lab: Lab, name: str, command: str, **arguments: object) -> Any:
    """Return the guest agent's answer to a command; raises LabError while it does not answer."""
    request = json.dumps({"execute": command, "arguments": arguments})
    return json.loads(lab.virsh("qemu-agent-command", name, request))["return"]


def run_in_guest(lab: Lab, name: str, command: str) -> None:
    """Run a shell command inside without waiting for the answer, such as a reboot."""
    with suppress(LabError):
        ask_agent(lab, name, "guest-exec", path="/bin/sh", arg=["-c", command])


def wait_for_agent(lab: Lab, name: str, within_s: float = 60) -> None:
    """Wait until the guest agent answers."""
    wait_until(lambda: _answers(lab, name), f"{name} answers on its agent", within_s)


def _answers(lab: Lab, name: str) -> bool:
    try:
        return bool(ask_agent(lab, name, "guest-ping") == {})
    except LabError:
        return False
