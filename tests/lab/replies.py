"""Ask a guest about itself through its agent."""

from pathlib import Path

from tests.lab.guest import ask_agent
from tests.lab.lab import Lab


def kernel(lab: Lab, name: str) -> str:
    """Return the release of the kernel that runs."""
    return str(ask_agent(lab, name, "guest-get-osinfo")["kernel-release"])


def address(lab: Lab, name: str) -> str:
    """Return the first IPv4 address but the loopback's, "" if there is none yet."""
    cards = ask_agent(lab, name, "guest-network-get-interfaces")
    addresses = (a for card in cards if card["name"] != "lo" for a in card.get("ip-addresses", ()))
    return next((str(a["ip-address"]) for a in addresses if a["ip-address-type"] == "ipv4"), "")


def disks(lab: Lab, name: str) -> str:
    """Return the virtio disks that are seen, such as "vda vdb"."""
    found = (Path(disk["name"]).name for disk in ask_agent(lab, name, "guest-get-disks"))
    return " ".join(sorted(each for each in found if each.startswith("vd")))
