"""I/O threads, which process the I/O of disks and controllers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field, model_validator

from kvmreconcile.kinds.domain.devices.controller import Controller, ControllerFields
from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.disk.spec import DiskFields
from kvmreconcile.kinds.domain.member_keys import (
    shared_list,
)
from kvmreconcile.kinds.domain.resources.cpu_tuning import CpuTuningFields
from kvmreconcile.kinds.domain.section import Section, fields_of
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.tree import (
    Rules,
    Table,
    Update,
    paths,
)

MOST_IOTHREADS = 1024


class IothreadId(Spec):
    """One I/O thread."""

    id: Annotated[int, At("@id", WHOLE), Field(ge=1, description="Number of the thread.")]
    thread_pool_min: Annotated[
        int | None,
        At("@thread_pool_min", WHOLE),
        Field(ge=0, description="Minimum number of workers. Defaults to QEMU's choice."),
    ] = None
    thread_pool_max: Annotated[
        int | None,
        At("@thread_pool_max", WHOLE),
        Field(ge=1, description="Maximum number of workers. Defaults to QEMU's choice."),
    ] = None


class Iothreads(Shorthand):
    """
    Threads that process the I/O of disks in place of the emulator's main thread.

    A plain number is short for `count`.
    """

    short: ClassVar[str] = "count"

    count: Annotated[
        int | None,
        At("iothreads", WHOLE),
        Field(
            ge=0,
            le=MOST_IOTHREADS,
            description="Number of threads. Their IDs start at 1 unless `ids` is set. Defaults to none.",
        ),
    ] = None
    ids: Annotated[
        list[IothreadId] | None,
        At("iothreadids/iothread"),
        Field(description="IDs and worker limits of individual threads. Defaults to the IDs 1 to `count`."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Iothreads":
        if self.count is not None and len(self.ids or ()) > self.count:
            raise ValueError(f'"ids" has more entries than "count" ({self.count})')
        return self


class IothreadFields(Spec):
    """Field of Domain for I/O threads."""

    iothreads: Annotated[Iothreads | None, At(""), Field(description="I/O threads. Defaults to none.")] = None


def _absent_threads(spec: BaseModel) -> Iterator[str]:
    """Yield references of disks, controllers and pins to I/O threads that do not exist."""
    threads, tune = fields_of(spec, IothreadFields).iothreads, fields_of(spec, CpuTuningFields).cputune
    known = _numbers(threads)
    stated = f'"iothreads" is {threads.count or 0}' if threads else '"iothreads" is not set'
    if threads and threads.ids:
        stated = f'"iothreads" has only {", ".join(map(str, sorted(known)))}'
    for who, thread in _users(spec):
        if thread is not None and thread not in known:
            yield f"{who} uses I/O thread {thread}, which does not exist: {stated}"
    for thread in (tune.iothreadpin or ()) if tune else ():
        if thread not in known:
            yield f'"cputune.iothreadpin" pins I/O thread {thread}, which does not exist: {stated}'


def _numbers(threads: Iothreads | None) -> set[int]:
    """Return the IDs of all threads: the explicit IDs, then the lowest free ones."""
    count = (threads.count or 0) if threads else 0
    named = {thread.id for thread in (threads.ids or ())} if threads else set[int]()
    free = (number for number in range(1, 2 * count + 1) if number not in named)
    return named | {next(free) for _ in range(count - len(named))}


def _users(spec: BaseModel) -> Iterator[tuple[str, int | None]]:
    """Yield each disk and controller (as a text for messages) with its thread ID; None if it has none."""
    for disk in fields_of(spec, DiskFields).disks or ():
        yield f'disk "{disk.name or disk.target}"', disk.iothread
    for place, controller in enumerate(fields_of(spec, ControllerFields).controllers or ()):
        yield _controller(place, controller), controller.iothread


def _controller(place: int, controller: Controller) -> str:
    """Return a text that names a controller: its name or index, otherwise its position in the list."""
    name = controller.index if controller.name is None else controller.name
    return f"controllers[{place}] ({controller.type})" if name is None else f'controller "{name}"'


# libvirt has no live call for the number: threads are added and removed one by one.
_THREADS = (Update("set-iothreads", source=f"{SOURCE}#virDomainAddIOThread"),)
_BOUNDS = (Update("set-iothreads", at="iothreadids", source=f"{SOURCE}#virDomainSetIOThreadParams"),)
# Older versions have no polling limits in a definition.
_POLL = tuple(replace(row, since=(9, 4, 0)) for row in _BOUNDS)
SECTION = Section(
    IothreadFields,
    Rules(
        members=Table({"iothreadids/iothread": shared_list(("@id",))}),
        containers=paths("iothreadids"),
        whole=paths("iothreads"),
        actions=Table(
            {
                "iothreads": _THREADS,
                "iothreadids/iothread": _THREADS,
                "iothreadids/iothread/@*": _BOUNDS,
                "iothreadids/iothread/poll": _POLL,
                "iothreadids/iothread/poll/@*": _POLL,
            }
        ),
    ),
    checks_without_xml=(_absent_threads,),
)
