"""The fields that the specs of all kinds have, and the document that contains a spec."""

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
    """The fields that the specs of all kinds have."""

    adopt: Annotated[
        bool,
        Field(
            description=(
                "Whether to take over an existing object with this name that this instance does not "
                "manage. If false, such an object is a conflict and is not changed. Defaults to false."
            )
        ),
    ] = False
    apply: Annotated[
        Literal["enforce", "merge", "create-only", "observe"],
        Field(
            description=(
                'How the spec is applied. "enforce" corrects drift and removes list entries that are not '
                'in the spec; "merge" changes only the fields in the spec; "create-only" creates the '
                'object and never changes it; "observe" only reports differences. Defaults to "enforce".'
            )
        ),
    ] = "enforce"
    protect: Annotated[
        bool,
        Field(
            description=(
                "Whether the object is protected: it is never removed or replaced, regardless of other "
                "fields and settings. Defaults to false."
            )
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
            description=(
                "Paths in libvirt's XML whose values, and all values below, are secret, such as "
                '"os/cmdline"; "*" matches one element. The values are shown as (secret) in all output '
                "and in the state. It is an error if the spec sets no value at a path, or if the value "
                "at a path identifies members of a list. Passwords and similar values are always secret. "
                "Defaults to none."
            )
        ),
    ] = Field(default_factory=list)
    update: Annotated[
        UpdatePolicy,
        Field(description="When changes may be made, and their maximum effect without approval."),
    ] = UpdatePolicy()
    defaults: Annotated[
        Literal["modern", "libvirt"],
        Field(
            description=(
                'Defaults for fields that are not set in the spec of a new object or device: "modern" '
                'selects modern hardware, "libvirt" leaves all choices to libvirt. Used at creation '
                'only. Defaults to "modern".'
            )
        ),
    ] = "modern"
    check_schema: Annotated[
        bool,
        Field(
            description=(
                "Whether libvirt checks the definition against its schema. The schema rejects misspelled "
                "XML that libvirt otherwise ignores. Set to false for the few definitions that libvirt "
                "accepts but its schema rejects. Defaults to true."
            )
        ),
    ] = True
    xml: Annotated[
        str | None,
        Fragment(),
        Field(
            description=(
                "A fragment of libvirt XML with the kind's root element. It is merged over the other "
                "fields. Defaults to none."
            )
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Document:
    """
    One validated object of a spec file.

    Attributes:
        directory: The directory to which relative paths in the spec refer.
    """

    kind: str
    name: str
    spec: ObjectSpec
    labels: Mapping[str, str]
    source: Source
    directory: Path
