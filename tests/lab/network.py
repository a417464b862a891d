"""A network spec to vary, and what tests observe of bridges and guests in a lab."""

from dataclasses import replace

from kvmreconcile.model import Desired
from kvmreconcile.tree import Effect
from tests.kinds.network.bench import desired_from
from tests.lab.lab import Lab

SPEC = """
mode: nat
stp: false
bridge: virbr7
addresses:
  - address: 192.0.2.1/24
    dhcp:
      ranges: [{start: 192.0.2.100, end: 192.0.2.200}]
      hosts: [HOSTS]
"""

GUEST_MAC = "52:54:00:00:00:01"


def network(hosts: str = "", more: str = "") -> Desired:
    return desired_from(SPEC.replace("HOSTS", hosts) + more)


def allow_restart(desired: Desired) -> Desired:
    """Return the object with permission to restart it."""
    return replace(desired, policy=replace(desired.policy, max_effect=Effect.RESTART))


def bridge_index(lab: Lab) -> str:
    """Return the interface index of the bridge, which the kernel assigns to each new device."""
    return lab.exec("cat", "/sys/class/net/virbr7/ifindex")


def started(lab: Lab, xml: str, name: str = "web") -> None:
    path = lab.path / "guest.xml"
    path.write_text(xml)
    lab.virsh("define", str(path))
    lab.virsh("start", name)


def guest_without_system(mac: str = GUEST_MAC, source: str = "network='lab'", name: str = "web") -> str:
    """A running domain without an operating system."""
    return f"""
        <domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices><interface type='network'><mac address='{mac}'/><source {source}/><model type='virtio'/></interface></devices>
        </domain>"""


def bridge_of_tap(lab: Lab) -> str:
    return (
        lab.exec("sh", "-c", "readlink /sys/class/net/vnet*/master || echo none").strip().rpartition("/")[2]
    )


def is_reachable(lab: Lab, address: str) -> bool:
    """Return whether a host at the address answers, even by refusing the connection."""
    knock = f"timeout 1 bash -c '< /dev/tcp/{address}/9' 2>&1 || true"
    return "refused" in lab.exec("bash", "-c", knock)
