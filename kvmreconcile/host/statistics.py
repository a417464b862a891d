"""
Read what all domains use: processors, memory, and what goes through their disks and interfaces.

Separate from the domain's driver, which reads what a domain is: this moves all the time, and nobody's spec asks for it.
"""

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
# Of a domain that is off, libvirt would read the images themselves (qemu_driver.c, qemuDomainGetStatsOneBlock), and on
# a share that does not answer it would wait for ever.
_CALLS = (
    (_OF_ANY, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE),
    (_OF_ACTIVE, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE),
)
_NO_WAIT = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT

Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DomainStatistics:
    """
    What one domain uses, in the words and units of virConnectGetAllDomainStats.

    What libvirt does not know, or would have to wait for because something else is done to the domain, is left out.

    Attributes:
        numbers: Of the domain as a whole, such as "cpu.time".
        disks: Of each disk by its target, such as "rd.bytes".
        interfaces: Of each interface by its device on the host, such as "rx.bytes".
    """

    domain: str
    numbers: Numbers
    disks: Mapping[str, Numbers]
    interfaces: Mapping[str, Numbers]


def read_statistics(connection: Connection) -> tuple[DomainStatistics, ...]:
    """
    Return what each domain uses, in the order of their names.

    Raises:
        HostError: libvirt does not tell.
    """
    found: dict[str, Mapping[str, object]] = {}
    with translated("statistics of domains"):
        for groups, which in _CALLS:
            for domain, said in connection.virt.getAllDomainStats(groups, which | _NO_WAIT):
                found[domain.name()] = said
    return tuple(group_statistics(name, said) for name, said in sorted(found.items()))


def group_statistics(domain: str, said: Mapping[str, object]) -> DomainStatistics:
    """Return what libvirt says of a domain in one flat list, with each disk and interface by itself."""
    return DomainStatistics(domain, _numbers(said), _parts("block", said), _parts("net", said))


def _parts(group: str, said: Mapping[str, object]) -> dict[str, Numbers]:
    """Return the parts of a group by name; one without a name has no device on the host, and nothing to tell."""
    parts: dict[str, dict[str, object]] = {}
    for key, value in said.items():
        first, _, rest = key.partition(".")
        number, _, word = rest.partition(".")
        if first == group and word:
            parts.setdefault(number, {})[word] = value
    return {str(part["name"]): _numbers(part) for part in parts.values() if "name" in part}


def _numbers(said: Mapping[str, object]) -> Numbers:
    return {key: value for key, value in said.items() if isinstance(value, int)}
