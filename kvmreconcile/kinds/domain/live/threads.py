"""
Processors and I/O threads of a running domain.

Separate from other values since each is one of several, that comes and goes by its number.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import libvirt

from kvmreconcile.kinds.domain.live.definitions import LIVE, find, running, stored
from kvmreconcile.model import Action
from kvmreconcile.tree import Node

_BOUNDS: Mapping[str, tuple[str, int]] = {
    "@thread_pool_min": (libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MIN, 0),
    "@thread_pool_max": (libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MAX, 64),
    "poll/@max": (libvirt.VIR_DOMAIN_IOTHREAD_POLL_MAX_NS, 32768),
    "poll/@grow": (libvirt.VIR_DOMAIN_IOTHREAD_POLL_GROW, 0),
    "poll/@shrink": (libvirt.VIR_DOMAIN_IOTHREAD_POLL_SHRINK, 0),
}
"""Where an I/O thread says it: libvirt's name, and QEMU's default (its `qapi/qom.json`, `IothreadProperties`)."""


def _set_vcpus(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    vcpu = stored(domain).child("vcpu")
    if vcpu is not None:
        domain.setVcpusFlags(int(vcpu.attr("current") or vcpu.text), LIVE)


def _set_iothreads(virt: libvirt.virConnect, action: Action) -> None:
    """Add the threads that are stored and do not run, bound all, and take away those that are not stored."""
    domain = find(virt, action)
    # libvirt-python's annotations call each thread a text; it is a number and its processors.
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
    """Return the numbers of a definition's threads: those it names, then the lowest that are free."""
    named = {int(thread.attr("id") or 0) for thread in definition.all("iothreadids/iothread")}
    count = int(definition.get("iothreads") or 0)
    free = (number for number in range(1, count + len(named) + 1) if number not in named)
    return named | {next(free) for _ in range(count - len(named))}


def _bounds(have: Node, wanted: Node) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield the number of each stored thread that runs with other bounds, and all of those."""
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
    "set-iothreads": _set_iothreads,
}
"""What `updates` names, by the verb's name."""
