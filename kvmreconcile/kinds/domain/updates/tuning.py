"""What is done about a change of the limits of a running domain. Separate as one third of the table."""

from collections.abc import Mapping
from dataclasses import replace

from kvmreconcile.tree import Change, Node, Update

_SOURCE = "https://libvirt.org/html/libvirt-libvirt-domain.html"


def _setter(verb: str, at: str, call: str, on: str = "+-~") -> tuple[Update, ...]:
    """Return the row of values that one call sets together: all changes inside `at` are one step."""
    return (Update(verb, on=on, at=at, source=f"{_SOURCE}#{call}"),)


def _is_restrictive(_change: Change, domain: Node) -> bool:
    """
    Tell whether the host's kernel alone, by a cgroup, keeps a domain's memory on its nodes.

    QEMU itself does in every other mode, once and for all (libvirt's `qemuDomainSetNumaParamsLive`).
    """
    return domain.get("numatune/memory/@mode") == "restrictive"


_NUMA = "virDomainSetNumaParameters"
_SCHEDULER = "virDomainSetSchedulerParametersFlags"
_QUOTA = _setter("set-scheduler", "cputune", _SCHEDULER)
# The kernel's own shares are of another scale in each version of cgroups, so nothing brings them back.
_SHARES = _setter("set-scheduler", "cputune", _SCHEDULER, on="+~")
_MEMORY = _setter("set-memory-limits", "memtune", "virDomainSetMemoryParameters")
_BLKIO = _setter("set-blkio", "blkiotune", "virDomainSetBlkioParameters", on="+~")
_BLKIO_DEVICE = _setter("set-blkio", "blkiotune", "virDomainSetBlkioParameters")
# Before this version a definition has no such groups.
_THROTTLE = tuple(
    replace(row, since=(11, 2, 0))
    for row in _setter("set-throttle", "throttlegroups/*", "virDomainSetThrottleGroup")
)
_PIN = _setter("pin", "cputune/*", "virDomainPinVcpuFlags")
_PIN_EMULATOR = _setter("pin", "cputune/*", "virDomainPinEmulator")
_PIN_IOTHREAD = _setter("pin", "cputune/*", "virDomainPinIOThread")

TUNING: Mapping[str, tuple[Update, ...]] = {
    "cputune/shares": _SHARES,
    "cputune/period": _QUOTA,
    "cputune/quota": _QUOTA,
    "cputune/global_period": _QUOTA,
    "cputune/global_quota": _QUOTA,
    "cputune/emulator_period": _QUOTA,
    "cputune/emulator_quota": _QUOTA,
    "cputune/iothread_period": _QUOTA,
    "cputune/iothread_quota": _QUOTA,
    "cputune/vcpupin": _PIN,
    "cputune/vcpupin/@cpuset": _PIN,
    "cputune/emulatorpin": _PIN_EMULATOR,
    "cputune/emulatorpin/@cpuset": _PIN_EMULATOR,
    "cputune/iothreadpin": _PIN_IOTHREAD,
    "cputune/iothreadpin/@cpuset": _PIN_IOTHREAD,
    "memtune/hard_limit": _MEMORY,
    "memtune/soft_limit": _MEMORY,
    "memtune/swap_hard_limit": _MEMORY,
    "blkiotune/weight": _BLKIO,
    "blkiotune/device": _BLKIO_DEVICE,
    "blkiotune/device/*": _BLKIO_DEVICE,
    "throttlegroups/throttlegroup": _THROTTLE,
    "throttlegroups/throttlegroup/*": _THROTTLE,
    "numatune/memory/@nodeset": (
        Update("set-numa", on="~", at="numatune", when=_is_restrictive, source=f"{_SOURCE}#{_NUMA}"),
    ),
}
