"""Add and remove vCPUs and I/O threads of a running domain."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.domain.calls.definitions import LIVE, find, running, stored
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Action
from kvmreconcile.tree import Node, locate

_TIMED_OUT = libvirt.VIR_ERR_OPERATION_TIMEOUT
_REFUSALS = frozenset({_TIMED_OUT, libvirt.VIR_ERR_INTERNAL_ERROR})
"""The guest does not respond, or QEMU reports that it is not ready, as before its ACPI system has booted."""
_BOUNDS: Mapping[str, tuple[str, int]] = {
    "@thread_pool_min": (libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MIN, 0),
    "@thread_pool_max": (libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MAX, 64),
    "poll/@max": (libvirt.VIR_DOMAIN_IOTHREAD_POLL_MAX_NS, 32768),
    "poll/@grow": (libvirt.VIR_DOMAIN_IOTHREAD_POLL_GROW, 0),
    "poll/@shrink": (libvirt.VIR_DOMAIN_IOTHREAD_POLL_SHRINK, 0),
}
"""By attribute of an I/O thread: libvirt's name, and QEMU's default (its `qapi/qom.json`, `IothreadProperties`)."""


def _set_vcpus(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    vcpu = stored(domain).child("vcpu")
    if vcpu is not None:
        wanted, has = int(vcpu.attr("current") or vcpu.text), domain.vcpusFlags(LIVE)
        with _report_refusal(action, is_added=wanted > has):
            domain.setVcpusFlags(wanted, LIVE)


def _set_vcpu(virt: libvirt.virConnect, action: Action) -> None:
    """Attach or detach one vCPU, identified by its ID."""
    domain = find(virt, action)
    vcpu = locate(stored(domain), action.steps, RULES)
    if vcpu is not None:
        is_added = vcpu.attr("enabled") == "yes"
        with _report_refusal(action, is_added=is_added):
            domain.setVcpu(vcpu.attr("id") or "", int(is_added), LIVE)


@contextmanager
def _report_refusal(action: Action, *, is_added: bool) -> Iterator[None]:
    """
    Raise HostError if the guest does not add or release a vCPU. An immediate retry would not help.

    Args:
        is_added: Whether vCPUs are added; otherwise they are removed.
    """
    try:
        with translated(str(action.key), {_TIMED_OUT: HostError}):
            yield
    except HostError as error:
        if type(error) is not HostError or error.code not in _REFUSALS:
            raise
        raise HostError(f"{action.key}: {_not_added(error) if is_added else _not_removed(error)}") from error


def _not_added(error: HostError) -> str:
    return f"the vCPUs could not be added ({error}); a later pass or the guest's next start adds them"


def _not_removed(error: HostError) -> str:
    todo = (
        "set them offline in the guest (Linux: /sys/devices/system/cpu); otherwise they are removed "
        "at its next start"
    )
    return f"the guest did not release the vCPUs ({error}); {todo}"


def _set_iothreads(virt: libvirt.virConnect, action: Action) -> None:
    """Add stored threads that are not running, set changed limits, and delete threads that are not stored."""
    domain = find(virt, action)
    # libvirt-python's annotations say that each thread is text; it is a number and its CPUs.
    threads: Any = domain.ioThreadInfo(LIVE)
    definition = stored(domain)
    wanted, have = _iothreads(definition), {int(number) for number, _ in threads}
    for number in sorted(wanted - have):
        domain.addIOThread(number, LIVE)
    for number, bounds in _bounds(running(domain), definition):
        domain.setIOThreadParams(number, bounds, LIVE)
    for number in sorted(have - wanted):
        domain.delIOThread(number, LIVE)


def _iothreads(definition: Node) -> set[int]:
    """Return the IDs of a definition's I/O threads: the explicit IDs, then the lowest free ones."""
    named = {int(thread.attr("id") or 0) for thread in definition.all("iothreadids/iothread")}
    count = int(definition.get("iothreads") or 0)
    free = (number for number in range(1, count + len(named) + 1) if number not in named)
    return named | {next(free) for _ in range(count - len(named))}


def _bounds(have: Node, wanted: Node) -> Iterator[tuple[int, dict[str, int]]]:
    """
    Yield the ID of each stored thread with changed limits, and the new values of these limits.

    Args:
        have: The running definition.
        wanted: The stored definition.
    """
    runs = {thread.attr("id"): thread for thread in have.all("iothreadids/iothread")}
    for thread in wanted.all("iothreadids/iothread"):
        runs_as = runs.get(thread.attr("id"), Node("iothread"))
        bounds = {
            name: int(thread.get(place) or otherwise)
            for place, (name, otherwise) in _BOUNDS.items()
            if thread.get(place) != runs_as.get(place)
        }
        if bounds:
            yield int(thread.attr("id") or 0), bounds


THREAD_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "set-vcpus": _set_vcpus,
    "set-vcpu": _set_vcpu,
    "set-iothreads": _set_iothreads,
}
"""Functions of the verbs that rows of `actions` name."""
