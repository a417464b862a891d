"""Fields that the specs of all kinds have, and the document that holds a spec."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.update import UpdatePolicy
from kvmreconcile.model import Source
from kvmreconcile.schema.mapping import Fragment
from kvmreconcile.schema.section import Spec


class ObjectSpec(Spec):
    """The fields that every kind has."""

    adopt: Annotated[
        bool,
        Field(
            description="Take over an existing object of this name that this instance does not manage. Otherwise such an "
            "object is a conflict and is not changed. Defaults to false."
        ),
    ] = False
    apply: Annotated[
        Literal["enforce", "merge", "create-only", "observe"],
        Field(
            description='How the spec is applied: enforce corrects drift and removes list entries that are not in the spec; merge changes only the fields in the spec; create-only creates the object and never changes it; observe only reports differences. Defaults to "enforce".'
        ),
    ] = "enforce"
    protect: Annotated[
        bool,
        Field(
            description="Never remove or replace the object, whatever other fields and settings say. Defaults to false."
        ),
    ] = False
    ignore: Annotated[
        list[str],
        Field(
            description='Paths in libvirt\'s XML that are not managed, such as "devices/interface/link"; "*" matches one element. Defaults to none.'
        ),
    ] = Field(default_factory=list)
    secret: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(
            description="Paths in libvirt's XML at and below which values are secret, such as "
            '"os/cmdline"; "*" matches one element. They are replaced by (secret) in all output and in the '
            "state. A path at which the spec sets nothing is an error, and so is a path of a value that identifies "
            "members of a list. Passwords and similar values are always secret. Defaults to none."
        ),
    ] = Field(default_factory=list)
    update: Annotated[
        UpdatePolicy, Field(description="When changes may be made, and up to which effect without approval.")
    ] = UpdatePolicy()
    defaults: Annotated[
        Literal["modern", "libvirt"],
        Field(
            description="Creation defaults, for fields that the spec of a new object or device leaves out: modern hardware, or "
            'only what libvirt itself fills in. Used at creation only. Defaults to "modern".'
        ),
    ] = "modern"
    check_schema: Annotated[
        bool,
        Field(
            description="Let libvirt check the definition against its own schema, which rejects misspelt XML that "
            "libvirt otherwise ignores. Disable it for the few definitions that libvirt accepts and its "
            "schema does not. Defaults to true."
        ),
    ] = True
    xml: Annotated[
        str | None,
        Fragment(),
        Field(
            description="Any XML of libvirt: a fragment with the kind's root element, which is merged over the other fields. Defaults to none."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Document:
    """One validated object of a spec file. Relative paths start at `directory`."""

    kind: str
    name: str
    spec: ObjectSpec
    labels: Mapping[str, str]
    source: Source
    directory: Path
