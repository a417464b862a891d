"""Read the resource usage of all domains: CPU, memory, disk and network throughput."""

from collections.abc import Mapping
from dataclasses import dataclass

import libvirt

from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated

_OF_ANY = libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_BALLOON | libvirt.VIR_DOMAIN_STATS_VCPU
_OF_ACTIVE = (
    _OF_ANY
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BLOCK
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
)
# For an inactive domain, libvirt would read the images themselves (qemu_driver.c,
# qemuDomainGetStatsOneBlock), and would wait forever for a network share that does not answer.
_CALLS = (
    (_OF_ANY, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE),
    (_OF_ACTIVE, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE),
)
_NO_WAIT = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT

Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DomainStatistics:
    """
    The resource usage of one domain.

    Names and units are those of virConnectGetAllDomainStats. A value is missing if libvirt does not
    know it, or could return it only after another job on the domain has ended.

    Attributes:
        numbers: Statistics of the whole domain, such as "cpu.time".
        disks: Statistics of each disk, such as "rd.bytes", by the disk's target.
        interfaces: Statistics of each interface, such as "rx.bytes", by the interface's device on
            the host.
    """

    domain: str
    numbers: Numbers
    disks: Mapping[str, Numbers]
    interfaces: Mapping[str, Numbers]


def read_statistics(connection: Connection) -> tuple[DomainStatistics, ...]:
    """
    Return the resource usage of each domain, sorted by name.

    Raises:
        HostError: libvirt returned an error.
    """
    found: dict[str, Mapping[str, object]] = {}
    with translated("statistics of domains"):
        for groups, which in _CALLS:
            for domain, flat in connection.virt.getAllDomainStats(groups, which | _NO_WAIT):
                found[domain.name()] = flat
    return tuple(group_statistics(name, flat) for name, flat in sorted(found.items()))


def group_statistics(domain: str, flat: Mapping[str, object]) -> DomainStatistics:
    """Group libvirt's flat list of a domain's statistics by disk and interface."""
    return DomainStatistics(domain, _numbers(flat), _parts("block", flat), _parts("net", flat))


def _parts(group: str, flat: Mapping[str, object]) -> dict[str, Numbers]:
    """
    Return the statistics of each device of a group, by the device's name.

    Devices without a name are omitted; they have no device on the host and no statistics.
    """
    parts: dict[str, dict[str, object]] = {}
    for key, value in flat.items():
        first, _, rest = key.partition(".")
        number, _, word = rest.partition(".")
        if first == group and word:
            parts.setdefault(number, {})[word] = value
    return {str(part["name"]): _numbers(part) for part in parts.values() if "name" in part}


def _numbers(flat: Mapping[str, object]) -> Numbers:
    return {key: value for key, value in flat.items() if isinstance(value, int)}
