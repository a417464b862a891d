"""
What a domain's fields say that can never work together, found before any host is asked.

Separate from the parts, each of which judges itself alone. What libvirt refuses with a clear word at define is
left to it; here is what it drops or mends without a word, and what people most often get wrong.
"""

import re
from collections.abc import Iterable, Iterator
from math import prod

from pydantic import BaseModel

from kvmreconcile.kinds.domain.devices.controller import Controller, ControllerFields
from kvmreconcile.kinds.domain.devices.filesystem import FilesystemFields
from kvmreconcile.kinds.domain.devices.hostdev import HostdevFields
from kvmreconcile.kinds.domain.devices.interface.spec import InterfaceFields
from kvmreconcile.kinds.domain.devices.memory_device import MemoryDeviceFields
from kvmreconcile.kinds.domain.devices.redirdev import RedirdevFields
from kvmreconcile.kinds.domain.disk.spec import DiskFields
from kvmreconcile.kinds.domain.parts.resources import Resources
from kvmreconcile.kinds.domain.section import fields_of
from kvmreconcile.tree.scalars import bitmap

_LAST = re.compile("(?:[0-9,-]*[,-])?([0-9]{1,5})")
"""A set as it is spelled canonically, and its last number."""


def contradictions(spec: BaseModel) -> Iterator[str]:
    """Yield what no `xml` could mend."""
    resources = fields_of(spec, Resources)
    yield from _devices(spec)
    yield from _memory(resources, spec)
    yield from _processors(resources)


def gaps(spec: BaseModel) -> Iterator[str]:
    """Yield what does not work unless `xml` says more."""
    resources = fields_of(spec, Resources)
    yield from _iothreads(resources, spec)
    yield from _shared_memory(resources, spec)
    yield from _cells(resources)


def _devices(spec: BaseModel) -> Iterator[str]:
    disks, interfaces, hostdevs = (
        fields_of(spec, DiskFields).disks or (),
        fields_of(spec, InterfaceFields).interfaces or (),
        fields_of(spec, HostdevFields).hostdevs or (),
    )
    named = (
        *disks, *interfaces, *hostdevs, *(fields_of(spec, FilesystemFields).filesystems or ()), *(fields_of(spec, MemoryDeviceFields).memory_devices or ()),
        *(fields_of(spec, RedirdevFields).redirdevs or ()), *(fields_of(spec, ControllerFields).controllers or ()),
    )  # fmt: skip
    yield from _twice("name", [device.name for device in named])
    yield from _twice("target", [disk.target for disk in disks])
    # Both interfaces of a team have one MAC address.
    alone = [nic for nic in interfaces if nic.teaming is None]
    yield from _twice("mac", [nic.mac.lower() if nic.mac else None for nic in alone])
    yield from _twice("bootOrder", [device.boot_order for device in (*disks, *interfaces, *hostdevs)])
    yield from _twice("PCI address", [*(dev.pci for dev in hostdevs), *(nic.hostdev for nic in interfaces)])


def _twice(field: str, values: Iterable[str | int | None]) -> Iterator[str]:
    """Tell of a value that two devices share, since each must differ from the others."""
    seen: set[str | int] = set()
    for value in values:
        if value in seen:
            yield f'two devices have the same {field} "{value}"; use a unique value for each'
        if value is not None:
            seen.add(value)


def _memory(resources: Resources, spec: BaseModel) -> Iterator[str]:
    memory, devices = resources.memory, fields_of(spec, MemoryDeviceFields).memory_devices or ()
    cells = resources.cpu.numa if resources.cpu else None
    if memory is None or memory.size is None or any(part.xml for part in (*devices, *(cells or ()))):
        # Only libvirt knows how much there is, or will be.
        return
    if cells and sum(cell.memory for cell in cells) != memory.size:
        yield '"memory" differs from the sum of "cpu.numa"; make them the same'
    total = memory.size + sum(device.size for device in devices)
    if resources.current_memory and resources.current_memory > total:
        limit = '"memory" and "memoryDevices" together' if devices else '"memory"'
        yield f'"currentMemory" is more than {limit}'
    if memory.maximum and total > memory.maximum:
        yield '"memory" and "memoryDevices" are together more than "memory.maximum"'
    modules = len([d for d in devices if d.model in ("dimm", "nvdimm")])
    if memory.slots and modules > memory.slots:
        yield f'{modules} "memoryDevices" are of the model "dimm" or "nvdimm", and "memory.slots" is {memory.slots}'


def _processors(resources: Resources) -> Iterator[str]:
    """Tell of processors that the guest never has: libvirt forgets their pins without a word."""
    if resources.vcpus is None or resources.vcpus.maximum is None:
        return
    maximum, tune, cpu = resources.vcpus.maximum, resources.cputune, resources.cpu
    topology = cpu.topology if cpu else None
    numbers = "there is only vCPU 0" if maximum == 1 else f"vCPUs are numbered 0 to {maximum - 1}"
    if topology:
        given = prod((topology.sockets, topology.dies or 1, topology.cores, topology.threads))
        if given != maximum:
            word = "vCPU" if given == 1 else "vCPUs"
            yield f'"cpu.topology" is for {given} {word}, but "vcpus.maximum" is {maximum}'
    pins = {number for number in (tune.vcpupin or ()) if number >= maximum} if tune else ()
    if pins:
        yield f'"cputune.vcpupin" pins vCPU {min(pins)}, but {numbers}'
    last = _highest(sched.vcpus for sched in (tune.vcpusched or ())) if tune else -1
    if last >= maximum:
        yield f'"cputune.vcpusched" names vCPU {last}, but {numbers}'
    last = _highest(cell.cpus for cell in (cpu.numa or ()) if cell.cpus) if cpu else -1
    if last >= maximum:
        yield f'"cpu.numa" has vCPU {last} in a cell, but {numbers}'


def _cells(resources: Resources) -> Iterator[str]:
    if resources.cpu and any(cell.xml for cell in resources.cpu.numa or ()):
        return
    cells = {cell.id for cell in (resources.cpu.numa or ())} if resources.cpu else set[int]()
    for node in (resources.numatune.memnodes or ()) if resources.numatune else ():
        if node.cellid not in cells:
            yield f'"numatune.memnodes" names cell {node.cellid}, which is not in "cpu.numa"'


def _iothreads(resources: Resources, spec: BaseModel) -> Iterator[str]:
    threads = resources.iothreads
    count = (threads.count or 0) if threads else 0
    known = {thread.id for thread in (threads.ids or ())} if threads else set[int]()
    free = (number for number in range(1, 2 * count + 1) if number not in known)
    known |= {next(free) for _ in range(count - len(known))}
    stated = f'"iothreads" is {count}' if threads else '"iothreads" is not set'
    if threads and threads.ids:
        stated = f'"iothreads" has only {", ".join(map(str, sorted(known)))}'
    users = ((f'disk "{d.name or d.target}"', d.iothread) for d in fields_of(spec, DiskFields).disks or ())
    buses = (
        (_controller(place, c), c.iothread)
        for place, c in enumerate(fields_of(spec, ControllerFields).controllers or ())
    )
    for who, thread in (*users, *buses):
        if thread is not None and thread not in known:
            yield f"{who} uses I/O thread {thread}, but there is no such thread: {stated}"
    tune = resources.cputune
    for thread in (tune.iothreadpin or ()) if tune else ():
        if thread not in known:
            yield f'"cputune.iothreadpin" pins I/O thread {thread}, but there is no such thread: {stated}'


def _controller(place: int, controller: Controller) -> str:
    """Name a controller: by its name or index, else by its place in the list."""
    name = controller.index if controller.name is None else controller.name
    return f"controllers[{place}] ({controller.type})" if name is None else f'controller "{name}"'


def _shared_memory(resources: Resources, spec: BaseModel) -> Iterator[str]:
    backing, cells = resources.memory_backing, resources.cpu.numa if resources.cpu else None
    if backing and backing.access == "shared":
        return
    if cells and all(cell.mem_access == "shared" or cell.xml for cell in cells):
        return
    advice = 'set "memoryBacking: {source: memfd, access: shared}"'
    if any(cell.mem_access == "private" for cell in cells or ()):
        advice += ', and remove "memAccess: private" from "cpu.numa"'
    if any(
        directory.driver == "virtiofs" for directory in fields_of(spec, FilesystemFields).filesystems or ()
    ):
        yield f"virtiofs requires shared memory; {advice}"
    if any(nic.vhostuser for nic in fields_of(spec, InterfaceFields).interfaces or ()):
        yield f"vhostuser requires shared memory; {advice}"


def _highest(sets: Iterable[str]) -> int:
    """Return the highest number in sets such as "0-3,8", -1 for none; one that is no set has none."""
    last = (_LAST.fullmatch(bitmap(text)) for text in sets)
    return max((int(found[1]) for found in last if found), default=-1)
