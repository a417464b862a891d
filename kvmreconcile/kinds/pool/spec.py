"""What users write about a storage pool."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import ObjectSpec, Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath


class Permissions(Spec):
    """Who may do what with the pool's directory."""

    mode: Annotated[
        str | None,
        At("mode"),
        Field(
            pattern=r"^[0-7]{1,5}$",
            description='Octal number as text, such as "0711". Quote it, lest YAML read a number. Set when the '
            "pool starts. Defaults to what the directory has; a new one is 0711.",
        ),
    ] = None
    owner: Annotated[
        int | None,
        At("owner", WHOLE),
        Field(
            ge=0, description="Number of a user. Given with mode only. Defaults to what the directory has."
        ),
    ] = None
    group: Annotated[
        int | None,
        At("group", WHOLE),
        Field(
            ge=0, description="Number of a group. Given with mode only. Defaults to what the directory has."
        ),
    ] = None

    @model_validator(mode="after")
    def _mode_is_there(self) -> Self:
        # Without a mode libvirt sets its own default, whatever the directory had (measured, 9.0).
        if self.mode is None and (self.owner, self.group) != (None, None):
            raise ValueError("owner and group need mode beside them, else libvirt would set the mode to 0711")
        return self


class StoragePoolSpec(ObjectSpec):
    """Where volumes live: a directory, or with `xml` anything else that libvirt knows."""

    state: Annotated[
        Literal["running", "stopped"],
        Field(
            description='"running" or "stopped". Whether its volumes can be used and made; guests that run '
            'already do not notice a stop. Defaults to "running".'
        ),
    ] = "running"
    autostart: Annotated[
        bool | None,
        Field(description="Boolean. Whether libvirt starts it with the host. Defaults to what it is."),
    ] = None
    uuid: Annotated[
        str | None,
        At("uuid"),
        Field(
            pattern=r"^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$",
            description="UUID. A change replaces the pool's definition, and never its volumes. Defaults to one "
            "that is derived from the name.",
        ),
    ] = None
    type: Annotated[
        str | None,
        At("@type"),
        Field(
            pattern="^[a-z-]+$",
            description='Kind of storage, such as "dir", "fs", "netfs" or "logical"; all but "dir" also need a '
            'source, said in xml. Defaults to what it is; a new pool is a "dir".',
        ),
    ] = None
    path: Annotated[
        AbsolutePath | None,
        At("target/path"),
        Field(
            description="Absolute path on the host. The directory, made if it is missing when the pool is first "
            "started there, and never again, since its disk may not be mounted; never removed. A change takes a "
            "restart of the pool and moves no volume: it is held while volumes are in the old directory. "
            "Required unless xml is given."
        ),
    ] = None
    permissions: Annotated[
        Permissions | None, At("target/permissions"), Field(description="Object. Of the directory.")
    ] = None

    @model_validator(mode="after")
    def _path_is_there(self) -> Self:
        if self.path is None and self.xml is None:
            raise ValueError(
                'a pool of type "dir" needs a path, such as /var/lib/libvirt/images; one of another type is '
                'described in "xml"'
            )
        return self
