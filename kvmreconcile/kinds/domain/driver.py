"""Domains in libvirt: with `live`, the only part of the kind that calls it."""

import time
from collections.abc import Callable, Collection, Mapping
from itertools import cycle
from pathlib import Path
from zlib import crc32

import libvirt

from kvmreconcile.errors import Busy, HostError, NotFound, Rejected, Unsupported
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.host.listing import Filters, Flags, read_all
from kvmreconcile.kinds.domain.live import LIVE_VERBS
from kvmreconcile.kinds.domain.live.definitions import LIVE, POLL_S, STORED, find, running_xml
from kvmreconcile.kinds.domain.render import NAME
from kvmreconcile.kinds.stamp import PREFIX, TAG, URI, read_stamp
from kvmreconcile.model import Action, Actual, Key, Observation, ShutdownBy
from kvmreconcile.tree import Node, parse, to_xml

_CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
_FILTERS = Filters(
    active=libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE,
    autostart=libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
    persistent=libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ASK_AGAIN_S = 10.0
_SHUTDOWN = {
    ShutdownBy.AGENT: libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
    ShutdownBy.ACPI: libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
    ShutdownBy.EITHER: libvirt.VIR_DOMAIN_SHUTDOWN_DEFAULT,
}
# The firmware's variables and the TPM's secrets are the guest's data, like its volumes.
_KEEP = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM


class DomainDriver:
    """Reads and changes domains."""

    def observe(self, connection: Connection, names: Collection[str] | None = None) -> Observation:
        """Read all domains, or those of the given names; all flags come from a few lists."""
        return read_all(NAME, connection.virt.listAllDomains, _FILTERS, _read, names)

    def perform(self, connection: Connection, action: Action) -> None:
        """Do one step."""
        with translated(str(action.key)):
            _VERBS[action.verb](connection.virt, action)


def _read(key: Key, domain: libvirt.virDomain, flags: Flags) -> Actual:
    stored = domain.XMLDesc(STORED)
    live = _live_xml(domain) if flags.active else None
    return Actual(
        key=key,
        uuid=domain.UUIDString(),
        xml=stored,
        live_xml=live,
        active=live is not None,
        autostart=flags.autostart,
        persistent=flags.persistent,
        runtime_id=_run(domain) if live is not None else None,
        stamp=read_stamp(parse(stored)),
        job=_job(live),
    )


def _run(domain: libvirt.virDomain) -> int:
    """Return a number for a domain's run, of at most 62 bits; libvirt counts anew when the host boots."""
    return crc32(_BOOT_ID.read_bytes()) << 30 | domain.ID()


def _job(live: str | None) -> str:
    """Return what is under way in a running domain and would be disturbed, "" if nothing is."""
    if live is None or "<mirror" not in live:
        return ""
    disks = [disk for disk in parse(live).all("devices/disk") if disk.child("mirror")]
    return ", ".join(f"a block job runs on {disk.get('target/@dev')}" for disk in disks)


def _live_xml(domain: libvirt.virDomain) -> str | None:
    """Return the running definition, None if the domain stopped meanwhile (only a running one tells its id)."""
    xml = running_xml(domain)
    return xml if parse(xml).attr("id") is not None else None


def _tree(action: Action) -> Node:
    if action.tree is None:
        raise Rejected(f"{action.key}: {action.verb} was planned without a definition")
    return action.tree


def _define(virt: libvirt.virConnect, action: Action) -> None:
    check = libvirt.VIR_DOMAIN_DEFINE_VALIDATE if action.policy.check_schema else 0
    virt.defineXMLFlags(to_xml(_tree(action)), check)


def _replace(virt: libvirt.virConnect, action: Action) -> None:
    _remove(virt, action)
    _define(virt, action)


def _start(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    if not domain.isActive():
        domain.create()


def _stop(virt: libvirt.virConnect, action: Action) -> None:
    """Ask the guest to shut down; power it off hard only where the spec allows it."""
    domain, policy = find(virt, action), action.policy
    deadline = time.monotonic() + (policy.shutdown_timeout_s if policy.shutdown_by else 0)
    ask_next, ways, why = time.monotonic(), cycle(policy.shutdown_by), ""
    while _is_running(domain):
        if time.monotonic() >= deadline:
            if not policy.force_off:
                waited = f"{policy.shutdown_timeout_s:g} s{why}"
                todo = f"shut it down from inside, or power it off: virsh destroy {action.key.name}"
                # Not Busy, which is tried again at once: it was asked more than once already.
                raise HostError(
                    f"{action.key}: the guest did not shut down within {waited}; it still runs; {todo}"
                )
            domain.destroy()
            return
        if time.monotonic() >= ask_next and policy.shutdown_by:
            why = _ask_to_shut_down(domain, next(ways))
            ask_next = time.monotonic() + _ASK_AGAIN_S
        time.sleep(POLL_S)


def _is_running(domain: libvirt.virDomain) -> bool:
    """Tell whether a domain runs; a transient one is gone once it does not."""
    try:
        with translated(domain.name()):
            return bool(domain.isActive())
    except NotFound:
        return False


def _ask_to_shut_down(domain: libvirt.virDomain, by: ShutdownBy) -> str:
    """Ask once; return why it could not be asked that way, "" if it was."""
    try:
        with translated(domain.name()):
            domain.shutdownFlags(_SHUTDOWN[by])
    except (Busy, Unsupported) as error:
        return f" ({error})"
    return ""


def _restart(virt: libvirt.virConnect, action: Action) -> None:
    _stop(virt, action)
    _start(virt, action)


def _remove(virt: libvirt.virConnect, action: Action) -> None:
    try:
        with translated(str(action.key)):
            _stop(virt, action)
            # A transient domain is gone once it is stopped.
            find(virt, action).undefineFlags(_KEEP)
    except NotFound:
        return


def _autostart(virt: libvirt.virConnect, action: Action) -> None:
    find(virt, action).setAutostart(1 if action.verb == "autostart" else 0)


def _own(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    mark = _tree(action).child("metadata")
    owner = mark.child(TAG) if mark else None
    if owner is None:
        raise Rejected(f"{action.key}: own was planned without a mark")
    # libvirt puts the namespace on by itself, and refuses an element that has it.
    bare = to_xml(Node("owner", owner.attrs))
    for flag in (_CONFIG, LIVE) if domain.isActive() else (_CONFIG,):
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, bare, PREFIX, URI, flag)


_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "create": _define,
    "define": _define,
    "replace": _replace,
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "remove": _remove,
    "autostart": _autostart,
    "no-autostart": _autostart,
    "own": _own,
    **LIVE_VERBS,
}
