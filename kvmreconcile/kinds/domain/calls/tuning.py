"""
Set limits of a running domain with calls that take named numeric parameters.

Source: https://libvirt.org/html/libvirt-libvirt-domain.html, the macros VIR_DOMAIN_SCHEDULER_*, _MEMORY_*,
_BLOCK_IOTUNE_* and _BANDWIDTH_*.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import libvirt

from kvmreconcile.errors import HostError, NotFound, Refused, Unsupported
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.domain.calls.definitions import LIVE, find, running, running_part, stored
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Action
from kvmreconcile.tree import Node, locate

Parameters = dict[str, int | str]

_UNLIMITED = -1
_PERIOD_US = 100_000
"""The kernel's default period (its documentation of CFS bandwidth control)."""
_NO_LIMIT_KIB = 9007199254740991
"""VIR_DOMAIN_MEMORY_PARAM_UNLIMITED, which libvirt-python lacks."""
_SCHEDULER: Mapping[str, tuple[str, int]] = {
    "shares": (libvirt.VIR_DOMAIN_SCHEDULER_CPU_SHARES, 0),
    "period": (libvirt.VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, _PERIOD_US),
    "quota": (libvirt.VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, _UNLIMITED),
    "global_period": (libvirt.VIR_DOMAIN_SCHEDULER_GLOBAL_PERIOD, _PERIOD_US),
    "global_quota": (libvirt.VIR_DOMAIN_SCHEDULER_GLOBAL_QUOTA, _UNLIMITED),
    "emulator_period": (libvirt.VIR_DOMAIN_SCHEDULER_EMULATOR_PERIOD, _PERIOD_US),
    "emulator_quota": (libvirt.VIR_DOMAIN_SCHEDULER_EMULATOR_QUOTA, _UNLIMITED),
    "iothread_period": (libvirt.VIR_DOMAIN_SCHEDULER_IOTHREAD_PERIOD, _PERIOD_US),
    "iothread_quota": (libvirt.VIR_DOMAIN_SCHEDULER_IOTHREAD_QUOTA, _UNLIMITED),
}
"""Elements of `<cputune>`: libvirt's name, and the default."""
_DEVICE_LIMITS: Mapping[str, str] = {
    "weight": libvirt.VIR_DOMAIN_BLKIO_DEVICE_WEIGHT,
    "read_bytes_sec": libvirt.VIR_DOMAIN_BLKIO_DEVICE_READ_BPS,
    "write_bytes_sec": libvirt.VIR_DOMAIN_BLKIO_DEVICE_WRITE_BPS,
    "read_iops_sec": libvirt.VIR_DOMAIN_BLKIO_DEVICE_READ_IOPS,
    "write_iops_sec": libvirt.VIR_DOMAIN_BLKIO_DEVICE_WRITE_IOPS,
}
"""Elements of `<blkiotune><device>`: libvirt's name, under which it accepts all devices in one text."""
_FLOW = ("average", "peak", "burst", "floor")


def _set_scheduler(virt: libvirt.virConnect, action: Action) -> None:
    limits: Parameters = {}
    for change in action.changes:
        name, otherwise = _SCHEDULER[change.rule.rpartition("/")[2]]
        limits[name] = _number(change.new, otherwise)
    find(virt, action).setSchedulerParametersFlags(limits, LIVE)


def _set_memory_limits(virt: libvirt.virConnect, action: Action) -> None:
    limits: Parameters = {
        change.rule.rpartition("/")[2]: _number(change.new, _NO_LIMIT_KIB) for change in action.changes
    }
    find(virt, action).setMemoryParameters(limits, LIVE)


def _set_blkio(virt: libvirt.virConnect, action: Action) -> None:
    """Set the changed weight and limits of block devices; 0 removes a limit."""
    domain = find(virt, action)
    have, wanted = running(domain), stored(domain)
    limits: Parameters = {}
    several: dict[str, list[str]] = {}
    for change in action.changes:
        if change.rule == "blkiotune/weight":
            limits[libvirt.VIR_DOMAIN_BLKIO_WEIGHT] = _number(change.new, 0)
    for steps in sorted({c.steps[:2] for c in action.changes if c.rule.startswith("blkiotune/device")}):
        was, device = (locate(tree, steps, RULES) or Node("device") for tree in (have, wanted))
        path = device.get("path") or was.get("path")
        for tag, name in _DEVICE_LIMITS.items():
            if was.get(tag) != device.get(tag):
                several.setdefault(name, []).append(f"{path},{device.get(tag) or 0}")
    domain.setBlkioParameters({**limits, **{name: ",".join(all_) for name, all_ in several.items()}}, LIVE)


def _set_numa(virt: libvirt.virConnect, action: Action) -> None:
    nodes = str(action.changes[-1].new)
    find(virt, action).setNumaParameters({libvirt.VIR_DOMAIN_NUMA_NODESET: nodes}, LIVE)


def _set_iotune(virt: libvirt.virConnect, action: Action) -> None:
    """Set I/O limits of a disk; 0 removes a limit, and limits that are not given are kept."""
    domain = find(virt, action)
    limits: Parameters = {}
    for change in action.changes:
        name, value = change.rule.rpartition("/")[2], _text(change.new)
        limits[name] = value if name == "group_name" else int(value or 0)
    domain.setBlockIoTune(_running(domain, action).get("target/@dev") or "", limits, LIVE)


def _set_throttle(virt: libvirt.virConnect, action: Action) -> None:
    """
    Set or delete a group of limits that disks share.

    All limits of the group are set, since libvirt replaces them together.
    """
    # libvirt-python has these calls since 11.2. Without them, there are no such groups.
    domain: Any = find(virt, action)
    group, was = (locate(tree, action.steps, RULES) for tree in (stored(domain), running(domain)))
    if group is not None:
        name = group.get("group_name")
        limits = {child.tag: int(child.text) for child in group.children if child.tag != "group_name"}
        # If the limits lack the name, the running definition has no name, and the next call crashes libvirtd with
        # a segmentation fault (11.3.0).
        domain.setThrottleGroup(name, {**limits, "group_name": name}, LIVE)
    elif was is not None:
        domain.delThrottleGroup(was.get("group_name"), LIVE)


def _set_bandwidth(virt: libvirt.virConnect, action: Action) -> None:
    """
    Set the stored limits of an interface.

    All limits of a changed direction are set, since libvirt replaces them together.
    """
    domain = find(virt, action)
    wanted = locate(stored(domain), action.steps, RULES) or Node("interface")
    limits: Parameters = {
        f"{way}.{name}": int(wanted.get(f"bandwidth/{way}/@{name}") or 0)
        for way in {change.rule.split("/")[3] for change in action.changes}
        for name in _FLOW
        if name != "floor" or wanted.get(f"bandwidth/{way}/@floor")
    }
    domain.setInterfaceParameters(_running(domain, action).get("mac/@address") or "", limits, LIVE)


def _pin(virt: libvirt.virConnect, action: Action) -> None:
    """Pin a thread to CPUs of the host, or to all CPUs if its pinning was removed."""
    domain = find(virt, action)
    count = len(virt.getCPUMap()[1])
    pinned = locate(stored(domain), action.steps, RULES)
    chosen = frozenset(_members(pinned.attr("cpuset") or "")) if pinned else frozenset(range(count))
    cpus = tuple(number in chosen for number in range(count))
    thread = pinned or locate(running(domain), action.steps, RULES)
    number = int(_number_of(thread)) if thread else 0
    # libvirt-python's annotations require bytes, and its code booleans.
    vcpu: Callable[..., int] = domain.pinVcpuFlags
    iothread: Callable[..., int] = domain.pinIOThread
    emulator: Callable[..., int] = domain.pinEmulator
    match action.changes[0].rule.split("/")[1]:
        case "vcpupin":
            vcpu(number, cpus, LIVE)
        case "iothreadpin":
            iothread(number, cpus, LIVE)
        case _:
            emulator(cpus, LIVE)


def _number_of(pin: Node) -> str:
    return pin.attr("vcpu") or pin.attr("iothread") or "0"


def _members(cpuset: str) -> Iterator[int]:
    """Yield the numbers in a set such as "0-3,8"."""
    for run in filter(None, cpuset.split(",")):
        first, _, last = run.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _running(domain: libvirt.virDomain, action: Action) -> Node:
    device = running_part(domain, action.steps)
    if device is None:
        what = "/".join(action.steps)
        raise NotFound(f"{action.key}: {what} is not in the running guest; the next pass or apply replans it")
    return device


def _number(value: Node | str | None, otherwise: int) -> int:
    return int(_text(value) or otherwise)


def _text(value: Node | str | None) -> str:
    return value.text if isinstance(value, Node) else value or ""


def _reported(
    verb: Callable[[libvirt.virConnect, Action], None],
) -> Callable[[libvirt.virConnect, Action], None]:
    """Return a verb that also reports the rejected fields, with advice, in its errors."""

    def perform(virt: libvirt.virConnect, action: Action) -> None:
        try:
            with translated(str(action.key)):
                verb(virt, action)
        except HostError as error:
            if type(error) not in (HostError, Unsupported):
                raise
            fields = ", ".join(change.path for change in action.changes)
            todo = (
                "if the host does not support these fields (missing cgroup controller or I/O scheduler), "
                "remove them from the spec"
            )
            refusal = Unsupported if isinstance(error, Unsupported) else Refused
            raise refusal(f"{error}; not applied: {fields}; {todo}", error.code, error.domain) from error

    return perform


TUNING_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "set-scheduler": _reported(_set_scheduler),
    "set-memory-limits": _reported(_set_memory_limits),
    "set-blkio": _reported(_set_blkio),
    "set-numa": _reported(_set_numa),
    "set-iotune": _reported(_set_iotune),
    "set-throttle": _reported(_set_throttle),
    "set-bandwidth": _reported(_set_bandwidth),
    "pin": _reported(_pin),
}
"""Functions of the verbs that rows of `actions` name."""
