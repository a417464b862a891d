"""Fields that identify a domain and its machine: name, UUID, architecture, machine type."""

import re
from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.creation_defaults import CREATION_DEFAULTS
from kvmreconcile.kinds.domain.devices.hotplug import (
    SOURCE,
)
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.ownership_mark import RULE
from kvmreconcile.model import Surroundings
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import UUID, AbsolutePath
from kvmreconcile.tree import (
    Effect,
    Identity,
    Node,
    Reset,
    Rules,
    Scalar,
    Table,
    Update,
    overlay,
    parse,
    paths,
)
from kvmreconcile.tree.scalars import stripped, uuid


class IdentityFields(Spec):
    """Fields that identify a domain, such as its UUID and its description."""

    type: Annotated[
        Literal["kvm", "qemu", "hvf", "xen"] | None,
        At("@type"),
        Field(
            description=(
                'Hypervisor type: "kvm" runs vCPUs on the host\'s CPUs, "qemu" emulates them. '
                'Defaults to "kvm" for a new domain.'
            )
        ),
    ] = None
    uuid: Annotated[
        UUID | None,
        At("uuid"),
        Field(
            description=(
                "UUID. Defaults to a UUID derived from the instance and the name, computed at "
                "creation and then kept."
            )
        ),
    ] = None
    title: Annotated[
        str | None,
        At("title"),
        Field(min_length=1, description="Title: one line for users. Defaults to none."),
    ] = None
    description: Annotated[
        str | None,
        At("description"),
        Field(min_length=1, description="Description for users. Defaults to none."),
    ] = None
    arch: Annotated[
        str | None,
        At("os/type/@arch"),
        Field(min_length=1, description="CPU architecture. Defaults to the architecture of the host."),
    ] = None
    machine: Annotated[
        str | None,
        At("os/type/@machine"),
        Field(
            min_length=1,
            description='Machine type. An alias such as "q35" matches any version of the type. Defaults to "q35" for a new x86 domain.',
        ),
    ] = None
    emulator: Annotated[
        AbsolutePath | None,
        At("devices/emulator"),
        Field(description="QEMU binary. Defaults to libvirt's choice."),
    ] = None


def _is_alias_of(alias: str, machine: str) -> bool:
    """
    Return whether a machine type belongs to the family of an alias, such as "pc-q35-7.2" and "q35".

    Source: https://libvirt.org/formatcaps.html#guest-capabilities (`canonical`)
    """
    family = {"q35": "pc-q35", "pc": "pc-i440fx"}.get(alias, alias)
    return re.fullmatch(rf"{re.escape(family)}-[0-9.]+\w*", machine) is not None


_METADATA = (Update("set-metadata", at="metadata/*", source=f"{SOURCE}#virDomainSetMetadata"),)
_HVM = parse("<domain><os><type>hvm</type></os></domain>")


def _complete(domain: Node, _surroundings: Surroundings) -> Node:
    """Return the definition with the OS type "hvm" (full virtualization), unless it has an OS type."""
    return domain if domain.get("os/type") else overlay(domain, _HVM, Rules())


SECTION = Section(
    IdentityFields,
    Rules(
        scalars=Table({"uuid": Scalar(uuid), "os/type/@machine": Scalar(stripped, accepts=_is_alias_of)}),
        resets=Table({"os/type": (Reset("@arch", ("@machine",)),)}),
        identities=Table({"uuid": (Identity("UUID", ("",), proves=True, always=True, unique=True),)}),
        # libvirt reports these for a running domain, and some users write them into definitions.
        ignored=paths(RULE, "@id"),
        containers=paths("metadata"),
        required=paths("name", "uuid", "@type", "os/type", "os/type/@*"),
        creation_defaults=Table({"": CREATION_DEFAULTS}),
        actions=Table(
            {
                "uuid": (Update("replace", effect=Effect.REPLACE, on="~"),),
                "title": (Update("set-title", source=f"{SOURCE}#virDomainSetMetadata"),),
                "description": (Update("set-description", source=f"{SOURCE}#virDomainSetMetadata"),),
                # Elements of other tools are kept; an element in a spec is also applied to the running guest.
                "metadata/*": _METADATA,
                "metadata/**": _METADATA,
            }
        ),
    ),
    complete=_complete,
    kept=("@type", "name", "uuid", "os", "os/type"),
)
