"""
Define the fields around each spec: apiVersion, kind and metadata.

Each kind has one model, which is used for validation and for the JSON Schema.
"""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from kvmreconcile.kinds.expander import Expander
from kvmreconcile.kinds.kind import Kind, Spec
from kvmreconcile.schema.values import Name

API_VERSION = "kvmreconcile/v1"


class Metadata(Spec):
    """Name, labels and placement of an object."""

    name: Annotated[Name, Field(description="Text. The object's name in libvirt.")]
    labels: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Mapping of texts. Labels of your choice for selecting objects, such as tier: web. "
            "Defaults to none.",
        ),
    ]
    hosts: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        Field(
            min_length=1,
            description="List of host names (setting `host`), or patterns such as kvm*: the hosts on which the object is to "
            "be. Other hosts skip the document. A Domain or DomainSet names one host. Defaults to every host that "
            "reads the document.",
        ),
    ] = None
    host_selector: Annotated[
        dict[str, str] | None,
        Field(
            min_length=1,
            description="Mapping of texts. Labels (setting `hostLabels`) of the hosts on which the object is to be, such as "
            "rack: a; with `hosts`, both must match. A Domain or DomainSet needs `hosts` as well. Defaults to none.",
        ),
    ] = None


class Envelope(Spec):
    """A document of a spec file, of any kind."""

    api_version: Annotated[
        Literal["kvmreconcile/v1"],
        Field(description="Text. The version of this format: kvmreconcile/v1."),
    ]
    kind: Annotated[str, Field(description="Text. The kind of the object, such as Domain.")]
    metadata: Annotated[Metadata, Field(description="Name, labels and placement of the object.")]
    spec: Annotated[Any, Field(description="The desired state of the object.")]


def envelope(kind: Kind | Expander) -> type[Envelope]:
    """Return the model of a whole document of one kind."""
    return _envelope(kind.name, kind.spec)


@cache
def _envelope(name: str, spec: type[Spec]) -> type[Envelope]:
    word: Any = Literal[name]
    return create_model(
        name,
        __base__=Envelope,
        kind=(word, Field(description=f"Text. The kind of the object: {name}.")),
        spec=(spec, Field(description="The desired state of the object.")),
    )
