"""
List the sections of a domain. A new section is one module and its entry here.

Their order is that of the fields in `Domain.spec`.
"""

from kvmreconcile.kinds.domain.devices import (
    any_device,
    audio,
    channel,
    controller,
    filesystem,
    graphics,
    hostdev,
    input_device,
    iommu,
    memballoon,
    memory_device,
    panic,
    redirdev,
    rng,
    serial,
    shmem,
    sound,
    tpm,
    video,
    vsock,
    watchdog,
)
from kvmreconcile.kinds.domain.devices.interface import section as interface
from kvmreconcile.kinds.domain.disk import section as disk

SECTIONS = tuple(
    module.SECTION
    for module in (
        disk,
        interface,
        hostdev,
        memory_device,
        filesystem,
        graphics,
        video,
        tpm,
        watchdog,
        memballoon,
        sound,
        channel,
        rng,
        serial,
        vsock,
        shmem,
        panic,
        input_device,
        audio,
        redirdev,
        controller,
        iommu,
        any_device,
    )
)
