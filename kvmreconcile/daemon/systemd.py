"""
Tell systemd how the service is doing.

Separate, and nothing but a datagram (sd_notify(3)), so that the daemon runs as well where there is no systemd.
"""

import os
import socket


def notify(state: str) -> None:
    """Send a state such as "READY=1" to whoever started this process, if it asked to be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name in Linux's abstract space
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
        door.connect(address)
        door.send(state.encode())
