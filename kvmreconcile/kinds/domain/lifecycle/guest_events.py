"""Fields for libvirt's actions when a guest powers off, reboots or crashes."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table, Update

Lifecycle = Literal["destroy", "restart", "preserve", "rename-restart"]


class GuestEventFields(Spec):
    """Fields of Domain for guest events."""

    on_poweroff: Annotated[
        Lifecycle | None,
        At("on_poweroff"),
        Field(description='Action when the guest powers off. Defaults to "destroy" (it stays off).'),
    ] = None
    on_reboot: Annotated[
        Lifecycle | None,
        At("on_reboot"),
        Field(description='Action when the guest reboots. Defaults to "restart".'),
    ] = None
    on_crash: Annotated[
        Lifecycle | Literal["coredump-destroy", "coredump-restart"] | None,
        At("on_crash"),
        Field(description='Action when the guest crashes. Defaults to "destroy".'),
    ] = None


_ACTION = (Update("set-lifecycle", on="~", source=f"{SOURCE}#virDomainSetLifecycleAction"),)
SECTION = Section(
    GuestEventFields,
    Rules(
        rebooting=Table({"on_reboot": "destroy"}),
        actions=Table({"on_poweroff": _ACTION, "on_reboot": _ACTION, "on_crash": _ACTION}),
    ),
)
