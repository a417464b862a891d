"""Identify the host that a libvirt connection leads to."""

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
"""The file that libvirt's system daemon reads; only root may read it."""
_DIGITS = 32
_UNPRIVILEGED = frozenset({"/session", "/embed"})
"""Drivers that never report the firmware's UUID."""


def identify(virt: libvirt.virConnect) -> HostId:
    """
    Return the host's UUID, and the driver that manages it.

    Raises:
        HostError: libvirt failed.
    """
    with translated("identity of the host"):
        uri = virt.getURI()
    return host_id(uri, _reported_uuid(virt))


def host_id(uri: str, reported: str) -> HostId:
    """
    Return which host a URI leads to, by the UUID that libvirt reports there ("" for none).

    libvirt takes that UUID from its settings (host_uuid, host_uuid_source) or from the firmware, and generates a random
    one at each start if neither has one: a system daemon of libvirt 9.0.0 on a machine without SMBIOS reported another
    after each restart, the embedded driver another in each process. So for this machine's own libvirt, the machine ID
    is used if the reported UUID cannot be the firmware's, as libvirt itself does with
    host_uuid_source = "machine-id".
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
    """Return whether a URI leads to this machine's own libvirt; a named socket may lead anywhere."""
    uri = urlsplit(text)
    return not uri.netloc and "socket" not in parse_qs(uri.query)


def _reported_uuid(virt: libvirt.virConnect) -> str:
    """Return the UUID that libvirt reports, "" for none."""
    try:
        with translated("identity of the host"):
            return canonical_uuid(parse(virt.getCapabilities()).get("host/uuid") or "")
    except Unsupported:
        return ""


def _machine_id() -> str:
    """Return this machine's ID in the form of a UUID, "" if it has none."""
    try:
        text = MACHINE_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return canonical_uuid(text) if len(text) == _DIGITS else ""
