"""The boot source of a domain."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import ORDERED
from kvmreconcile.kinds.domain.section import HostFile, Section
from kvmreconcile.kinds.domain.spellings import PATH
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import DefinitionProblem
from kvmreconcile.schema.codecs import YES_NO
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath
from kvmreconcile.tree import Node, Rules, Table


class Boot(Spec):
    """Boot source of a guest."""

    order: Annotated[
        list[Literal["hd", "cdrom", "network", "fd"]] | None,
        At("os/boot/@dev"),
        Field(description="Types of devices to boot from, in order. Defaults to libvirt's order."),
    ] = None
    kernel: Annotated[
        AbsolutePath | None,
        At("os/kernel"),
        Field(description="Kernel on the host that is booted directly. Defaults to none."),
    ] = None
    initrd: Annotated[
        AbsolutePath | None,
        At("os/initrd"),
        Field(description="Initial RAM disk of the kernel. Defaults to none."),
    ] = None
    cmdline: Annotated[
        str | None,
        At("os/cmdline"),
        Field(min_length=1, description="Command line of the kernel. Defaults to none."),
    ] = None
    menu: Annotated[
        bool | None,
        At("os/bootmenu/@enable", YES_NO),
        Field(description="Whether the firmware offers a boot menu. Defaults to libvirt's choice."),
    ] = None


class BootFields(Spec):
    """Field of Domain for booting."""

    boot: Annotated[
        Boot | None, At(""), Field(description="Boot source. Defaults to the guest's first disk.")
    ] = None


def _two_boot_orders(domain: Node) -> Iterator[DefinitionProblem]:
    """
    Yield a problem for each device with a boot order if there is also a boot order by device type.

    Source: https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms, `boot`.
    """
    if domain.find("os/boot") is None:
        return
    for tag in ("disk", "interface", "hostdev", "redirdev"):
        for number, device in enumerate(domain.all(f"devices/{tag}"), 1):
            if device.child("boot"):
                what = "the boot order of a device cannot be combined with the boot order in os/boot"
                todo = (
                    'keep either "bootOrder" of devices or "boot.order" ("boot: {order: []}" removes '
                    "the order in os/boot)"
                )
                yield DefinitionProblem(f"devices/{tag}[{number}]/boot/@order", what, todo, "os/boot")


SECTION = Section(
    BootFields,
    Rules(
        members=Table({"boot": ORDERED, "acpi/table": ORDERED}),
        scalars=Table({"kernel": PATH, "initrd": PATH}),
    ).below("os"),
    definition_checks=(_two_boot_orders,),
    files=(
        HostFile("os", "kernel", "kernel"),
        HostFile("os", "initrd", "initial RAM disk"),
        HostFile("os", "dtb", "device tree"),
    ),
)
