"""Define the spec of a set of domains."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from kvmreconcile.kinds.domain_set.placeholders import RESERVED
from kvmreconcile.schema.section import Spec

NAME = "DomainSet"
MAX_REPLICAS = 10_000
ValueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Ordinal = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,5})$")]
Scalar = str | int | float | bool
Values = dict[ValueName, Scalar]
_PLACEHOLDERS = "In texts, {name} is replaced by the name of the domain, {ordinal} by its ordinal, {set} by the name of the set, and {VALUE} by one of `values`; {{name}} is the text {name}."


class TemplateMetadata(Spec):
    """The metadata of each domain or volume of a set."""

    labels: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Mapping of texts. Labels of each domain, in addition to the label domainSet, which has "
            "the name of the set. Defaults to none.",
        ),
    ]


class DomainTemplate(Spec):
    """The domains of a set."""

    metadata: Annotated[TemplateMetadata, Field(description="Labels of each domain.")] = TemplateMetadata(
        labels={}
    )
    spec: Annotated[
        dict[str, Any],
        Field(description=f"The spec of each domain: the fields of Domain.spec. {_PLACEHOLDERS}"),
    ]


class VolumeTemplate(Spec):
    """A volume that each domain of a set has."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            description='The name of the volume, with {name} or {ordinal} in it, such as "{name}-root".',
        ),
    ]
    spec: Annotated[
        dict[str, Any],
        Field(description=f"The spec of each of these volumes: the fields of Volume.spec. {_PLACEHOLDERS}"),
    ]


class DomainSetSpec(Spec):
    """A set of equal domains, numbered from 0, each with volumes of its own."""

    replicas: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_REPLICAS,
            description="How many domains the set has. If it is reduced, the domains with the highest ordinals are "
            "removed like domains whose spec was deleted; their volumes are kept, and are used again when the "
            "number is raised.",
        ),
    ]
    start: Annotated[
        int, Field(ge=0, le=900_000, description="The ordinal of the first domain. Defaults to 0.")
    ] = 0
    template: Annotated[DomainTemplate, Field(description="The domains of the set, named SET-ORDINAL.")]
    volumes: Annotated[
        list[VolumeTemplate],
        Field(
            default_factory=list,
            description="Volumes of each domain. The spec of the domain refers to them by name. Defaults to none.",
        ),
    ]
    values: Annotated[
        Values,
        Field(
            default_factory=dict,
            description="Values by name, for the placeholders in the templates. A text that is only a placeholder "
            "becomes the value itself, such as a number. Defaults to none.",
        ),
    ]
    members: Annotated[
        dict[Ordinal, Values],
        Field(
            default_factory=dict,
            description="Values of single domains, by ordinal, in place of those in `values`. Defaults to none.",
        ),
    ]

    @model_validator(mode="after")
    def _check(self) -> "DomainSetSpec":
        for ordinal, values in {"": self.values, **self.members}.items():
            if taken := sorted(RESERVED & values.keys()):
                where = f"members.{ordinal}" if ordinal else "values"
                raise ValueError(f"{where} must not have the name {taken[0]}, which has a meaning of its own")
        return self
