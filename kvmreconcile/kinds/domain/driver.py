"""Read and change domains with libvirt. Only this module and `calls` call libvirt."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from zlib import crc32

import libvirt

from kvmreconcile.errors import HostError, NotFound, Rejected
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.definitions import Definitions
from kvmreconcile.host.errors import translated
from kvmreconcile.host.events import Events
from kvmreconcile.host.listing import Calls, Filters, Flags, are_few, as_unobservable, observe_kind
from kvmreconcile.kinds.domain.calls import LIVE_VERBS
from kvmreconcile.kinds.domain.calls.definitions import LIVE, STORED, find, running_xml
from kvmreconcile.kinds.domain.calls.power import stop
from kvmreconcile.kinds.domain.calls.removal import check_free, checkpoints, undefine
from kvmreconcile.kinds.domain.calls.state_reasons import RunState, run_state, run_states
from kvmreconcile.kinds.domain.disk.block_jobs import block_jobs
from kvmreconcile.kinds.domain.render import NAME
from kvmreconcile.kinds.ownership_mark import PREFIX, TAG, URI, read_mark
from kvmreconcile.model import Action, Actual, Key, Leftover, Observation
from kvmreconcile.model.verbs import AUTOSTART
from kvmreconcile.tree import Node, parse, to_xml

_CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
_FILTERS = Filters(
    active=libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE,
    autostart=libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
    persistent=libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
    more={
        Leftover.MANAGED_SAVE.value: libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
        Leftover.SNAPSHOTS.value: libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
        Leftover.CHECKPOINTS.value: libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT,
    },
)
_LEFTOVERS: Mapping[str, Callable[[libvirt.virDomain], int]] = {
    Leftover.MANAGED_SAVE.value: lambda domain: domain.hasManagedSaveImage(),
    Leftover.SNAPSHOTS.value: lambda domain: domain.snapshotNum(),
    Leftover.CHECKPOINTS.value: checkpoints,
}
"""The same calls for a single domain."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


_EVENTS = Events(
    "domain",
    (
        libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
        libvirt.VIR_DOMAIN_EVENT_ID_REBOOT,
        libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE,
        libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
        libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
        libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
        libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
        libvirt.VIR_DOMAIN_EVENT_ID_DISK_CHANGE,
        libvirt.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE,
        libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
        libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
        libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE,
        libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
        libvirt.VIR_DOMAIN_EVENT_ID_CONTROL_ERROR,
    ),
)
"""Events that can cause drift of a domain, or end a job on it. Events that the guest causes are left out."""


class DomainDriver:
    """Reads and changes domains."""

    events = _EVENTS

    def observe(self, connection: Connection, names: Collection[str] | None = None) -> Observation:
        """
        Read all domains, or the domains with the given names.

        For many domains, all flags are read with a few list calls.
        """
        virt = connection.virt
        try:
            with translated(NAME):
                state_of = run_state if are_few(names) else run_states(virt)
                definitions = Definitions(virt)
        except HostError as error:
            return Observation(unobservable=(as_unobservable(f"{NAME}/", error),))
        read = partial(_read, state_of, definitions)
        calls = Calls(virt.listAllDomains, virt.lookupByName, read, _LEFTOVERS)
        return observe_kind(NAME, calls, _FILTERS, names)

    def perform(self, connection: Connection, action: Action) -> None:
        """Execute one action."""
        with translated(str(action.key)):
            _VERBS[action.verb.name](connection.virt, action)


def _read(
    state_of: Callable[[libvirt.virDomain], RunState],
    definitions: Definitions,
    key: Key,
    domain: libvirt.virDomain,
    flags: Flags,
) -> Actual:
    run, leftovers = state_of(domain), frozenset(map(Leftover, flags.more))
    stored = definitions.read(domain, STORED)
    live = _live_xml(domain) if flags.active else None
    return Actual(
        key=key,
        uuid=domain.UUIDString(),
        xml=stored,
        live_xml=live,
        active=live is not None,
        autostart=flags.autostart,
        persistent=flags.persistent,
        saved=Leftover.MANAGED_SAVE in leftovers,
        leftovers=leftovers - {Leftover.MANAGED_SAVE},
        runtime_id=_runtime_id(domain) if live is not None else None,
        ownership_mark=read_mark(parse(stored)),
        job=block_jobs(live) or run.job,
        state_reason=run.state_reason,
    )


def _runtime_id(domain: libvirt.virDomain) -> int:
    """
    Return a number of at most 62 bits that identifies one run of a domain.

    libvirt's own IDs start again when the host boots.
    """
    return crc32(_BOOT_ID.read_bytes()) << 30 | domain.ID()


def _live_xml(domain: libvirt.virDomain) -> str | None:
    """Return the running definition; None if the domain has stopped. Only running domains have an ID."""
    xml = running_xml(domain)
    return xml if parse(xml).attr("id") is not None else None


def _define(virt: libvirt.virConnect, action: Action) -> None:
    check = libvirt.VIR_DOMAIN_DEFINE_VALIDATE if action.policy.check_schema else 0
    virt.defineXMLFlags(to_xml(action.definition), check)


def _replace(virt: libvirt.virConnect, action: Action) -> None:
    """
    Recreate a domain with another UUID.

    If libvirt rejects the new definition, the previous one is restored.
    """
    before = _kept(virt, action)
    _remove(virt, action)
    try:
        _define(virt, action)
    except libvirt.libvirtError:
        if before:
            xml, autostart = before
            virt.defineXML(xml).setAutostart(autostart)
        raise


def _kept(virt: libvirt.virConnect, action: Action) -> tuple[str, int] | None:
    """Return a domain's stored definition and autostart flag; None if the domain is absent or transient."""
    try:
        with translated(str(action.key)):
            domain = find(virt, action)
            return (domain.XMLDesc(STORED), domain.autostart()) if domain.isPersistent() else None
    except NotFound:
        return None


def _remove(virt: libvirt.virConnect, action: Action) -> None:
    try:
        with translated(str(action.key)):
            check_free(find(virt, action), action)
            stop(virt, action)
            # A transient domain is gone once it is stopped.
            undefine(find(virt, action), action)
    except NotFound:
        return


def _autostart(virt: libvirt.virConnect, action: Action) -> None:
    find(virt, action).setAutostart(1 if action.verb == AUTOSTART else 0)


def _rename(virt: libvirt.virConnect, action: Action) -> None:
    """
    Rename an inactive domain, and write its ownership mark with the new name.

    The domain is looked up by its UUID: it may have the new name already, or another domain may have the
    old name. libvirt keeps snapshots, checkpoints and autostart. NVRAM and TPM state, which the definition
    refers to, are also kept (measured, 9.0.0).
    """
    domain = virt.lookupByUUIDString(action.definition.get("uuid") or "")
    if domain.name() != action.key.name:
        domain.rename(action.key.name, 0)
    _own(virt, action)


def _own(virt: libvirt.virConnect, action: Action) -> None:
    """Write the ownership mark and the names of devices. Device names require redefining the domain."""
    if action.changes:
        _define(virt, action)
    domain = find(virt, action)
    mark = action.definition.child("metadata")
    owner = mark.child(TAG) if mark else None
    if owner is None:
        raise Rejected(f"{action.key}: own was planned without a mark")
    # libvirt adds the namespace itself, and rejects an element that has it.
    bare = to_xml(Node("owner", owner.attrs))
    for flag in (_CONFIG, LIVE) if domain.isActive() else (_CONFIG,):
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, bare, PREFIX, URI, flag)


_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "create": _define,
    "define": _define,
    "replace": _replace,
    "remove": _remove,
    "autostart": _autostart,
    "no-autostart": _autostart,
    "own": _own,
    "rename": _rename,
    **LIVE_VERBS,
}
