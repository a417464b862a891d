"""Identify the host at the other end of a libvirt connection."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import libvirt

from kvmreconcile.errors import Unsupported
from kvmreconcile.host.errors import translated
from kvmreconcile.model import HostId
from kvmreconcile.tree import parse
from kvmreconcile.tree.scalars import uuid as canonical_uuid

MACHINE_ID = Path("/etc/machine-id")
FIRMWARE_UUID = Path("/sys/class/dmi/id/product_uuid")
"""The file that libvirt's system daemon reads; only root can read it."""
_DIGITS = 32
_UNPRIVILEGED = frozenset({"/session", "/embed"})
"""Paths of URIs whose drivers never report the firmware's UUID."""


def identify(virt: libvirt.virConnect) -> HostId:
    """
    Return the host's UUID and the driver that manages the host.

    Raises:
        HostError: libvirt failed.
    """
    with translated("identity of the host"):
        uri = virt.getURI()
    return host_id(uri, _reported_uuid(virt))


def host_id(uri: str, reported: str) -> HostId:
    """
    Return the identity of the host that a URI leads to.

    libvirt takes the UUID that it reports from its settings (host_uuid, host_uuid_source) or from
    the firmware. If neither has a UUID, libvirt generates a random one at each start: on a machine
    without SMBIOS, a system daemon of libvirt 9.0.0 reported a new UUID after each restart, and the
    embedded driver a new one in each process. If this machine's own libvirt reports a UUID that
    cannot come from the firmware, the machine ID is used instead. libvirt does the same with
    host_uuid_source = "machine-id".

    Args:
        reported: The UUID that libvirt reports for the host, "" for none.
    """
    parts = urlsplit(uri)
    driver = f"{parts.scheme.partition('+')[0]}://{parts.path}"
    if root := parse_qs(parts.query).get("root"):
        driver += f"?root={root[0]}"
    is_lasting = reported and parts.path not in _UNPRIVILEGED and FIRMWARE_UUID.exists()
    uuid = reported if is_lasting or not is_here(uri) else _machine_id() or reported
    return HostId(uuid, driver)


def is_local(uri: str) -> bool:
    """Return whether a URI names no other host, so that calls do not wait for a network."""
    return not urlsplit(uri).netloc


def is_here(text: str) -> bool:
    """
    Return whether a URI leads to this machine's own libvirt.

    Returns False if the URI names a socket, which may lead to any host.
    """
    uri = urlsplit(text)
    return not uri.netloc and "socket" not in parse_qs(uri.query)


def _reported_uuid(virt: libvirt.virConnect) -> str:
    """Return the UUID that libvirt reports, or "" if it reports none."""
    try:
        with translated("identity of the host"):
            return canonical_uuid(parse(virt.getCapabilities()).get("host/uuid") or "")
    except Unsupported:
        return ""


def _machine_id() -> str:
    """Return this machine's ID formatted as a UUID, or "" if the machine has no ID."""
    try:
        text = MACHINE_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return canonical_uuid(text) if len(text) == _DIGITS else ""


def format_version(number: int) -> str:
    """Convert a version number from libvirt to dotted form."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
