"""Fields of a storage pool's spec."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import ObjectSpec, Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath


class PoolPermissions(Spec):
    """Owner, group and mode of the pool's directory."""

    mode: Annotated[
        str | None,
        At("mode"),
        Field(
            pattern=r"^[0-7]{1,5}$",
            description=(
                'Mode of the directory, an octal number as text, such as "0711". Quote it, since YAML '
                "reads it as a number otherwise. The mode is set when the pool starts. Defaults to the "
                "actual mode; for a new directory, to 0711."
            ),
        ),
    ] = None
    owner: Annotated[
        int | None,
        At("owner", WHOLE),
        Field(
            ge=0, description="User ID, a number. Requires `mode`. Defaults to the owner of the directory."
        ),
    ] = None
    group: Annotated[
        int | None,
        At("group", WHOLE),
        Field(
            ge=0, description="Group ID, a number. Requires `mode`. Defaults to the group of the directory."
        ),
    ] = None

    @model_validator(mode="after")
    def _has_mode(self) -> Self:
        # Without a mode libvirt sets its own default, whatever the directory had (measured, 9.0).
        if self.mode is None and (self.owner, self.group) != (None, None):
            raise ValueError(
                '"owner" and "group" require "mode", since libvirt would otherwise set the mode to 0711'
            )
        return self


class StoragePoolSpec(ObjectSpec):
    """A storage pool: a directory or, described in `xml`, any other pool type of libvirt."""

    state: Annotated[
        Literal["running", "stopped"],
        Field(
            description=(
                'Whether the pool is active, so that its volumes can be used and created: "running" or '
                '"stopped". Stopping a pool does not affect running guests. Defaults to "running".'
            )
        ),
    ] = "running"
    autostart: Annotated[
        bool | None,
        Field(
            description="Whether libvirt starts the pool when the host boots. Defaults to the actual value."
        ),
    ] = None
    uuid: Annotated[
        str | None,
        At("uuid"),
        Field(
            pattern=r"^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$",
            description="UUID. A change replaces the pool's definition, never its volumes. Defaults to a UUID derived from the name.",
        ),
    ] = None
    type: Annotated[
        str | None,
        At("@type"),
        Field(
            pattern="^[a-z-]+$",
            description=(
                'Type of storage, such as "dir", "fs", "netfs" or "logical". All types except "dir" also '
                'need a source in `xml`. Defaults to the actual type; for a new pool, to "dir".'
            ),
        ),
    ] = None
    path: Annotated[
        AbsolutePath | None,
        At("target/path"),
        Field(
            description=(
                "Absolute path of the directory on the host. A missing directory is created only when "
                "the pool is first started with this path; later, its file system may not be mounted. "
                "The directory is never removed. A change of the path requires a restart of the pool, "
                "and does not move volumes: it is held while volumes are in the old directory. Required "
                "unless `xml` is set."
            )
        ),
    ] = None
    permissions: Annotated[
        PoolPermissions | None,
        At("target/permissions"),
        Field(description="Permissions of the directory."),
    ] = None

    @model_validator(mode="after")
    def _has_path(self) -> Self:
        if self.path is None and self.xml is None:
            raise ValueError(
                'a pool of type "dir" needs a "path", such as /var/lib/libvirt/images; describe a '
                'pool of another type in "xml"'
            )
        return self
