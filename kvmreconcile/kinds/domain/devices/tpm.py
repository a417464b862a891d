"""Trusted platform modules."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.section import HostPart, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import YES_NO
from kvmreconcile.schema.collections import Tags
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import UUID, AbsolutePath
from kvmreconcile.tree import CreationDefaults, Identity, Rules, Table, parse


class Tpm(Element):
    """A trusted platform module."""

    model: Annotated[
        Literal["tpm-tis", "tpm-crb", "tpm-spapr"] | None,
        At("@model"),
        Field(description='Model. Defaults to "tpm-tis".'),
    ] = None
    type: Annotated[
        Literal["emulator", "passthrough"],
        At("backend/@type"),
        Field(
            description='Backend: "emulator", or "passthrough" of the host\'s TPM. Defaults to "emulator".'
        ),
    ] = "emulator"
    version: Annotated[
        Literal["1.2", "2.0"] | None,
        At("backend/@version"),
        Field(description='TPM version of an emulated TPM. Defaults to "2.0" for a new TPM.'),
    ] = None
    persistent_state: Annotated[
        bool | None,
        At("backend/@persistent_state", YES_NO),
        Field(
            description="Whether the state of an emulated TPM is kept when a transient guest stops. Defaults to false."
        ),
    ] = None
    encryption: Annotated[
        UUID | None,
        At("backend/encryption/@secret"),
        Field(
            description=(
                "UUID of a libvirt secret that encrypts the state of an emulated TPM on the host; used when the "
                "state is created. Defaults to no encryption."
            )
        ),
    ] = None
    active_pcr_banks: Annotated[
        list[Literal["sha1", "sha256", "sha384", "sha512"]] | None,
        At("backend/active_pcr_banks", Tags()),
        Field(
            description=(
                "Active PCR banks (hash algorithms) of an emulated TPM. Defaults to the actual "
                "banks; for a new TPM, to sha256."
            )
        ),
    ] = None
    device: Annotated[
        AbsolutePath | None,
        At("backend/device/@path"),
        Field(description='TPM device of the host for "passthrough", such as "/dev/tpm0". Defaults to none.'),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Tpm":
        emulated = (self.version, self.persistent_state, self.encryption, self.active_pcr_banks)
        if self.type == "passthrough" and any(value is not None for value in emulated):
            raise ValueError(
                '"version", "persistentState", "encryption" and "activePcrBanks" are valid with '
                '"type: emulator" only; remove them'
            )
        return self


class TpmFields(Spec):
    """Field of Domain for the trusted platform module."""

    tpm: Annotated[
        Tpm | None, At("devices/tpm"), Field(description="Trusted platform module (TPM). Defaults to none.")
    ] = None


SECTION = Section(
    TpmFields,
    Rules(
        identities=Table(
            {
                "": (
                    Identity("TPM", ("backend/device/@path",)),
                    # Without a path, libvirt stores the state by the UUID of the domain. The path is in the schema since libvirt 10.10.
                    Identity("TPM state", ("backend/source/@path",), proves=True, always=True),
                )
            }
        ),
        # libvirt's default is 1.2 for some models, which current guests do not support.
        creation_defaults=Table(
            {
                "": (
                    CreationDefaults(
                        parse('<tpm><backend type="emulator" version="2.0"/></tpm>'),
                        (("backend/@type", "emulator"), ("backend/@version", None)),
                    ),
                )
            }
        ),
    ).below("devices/tpm"),
    host_parts=(
        HostPart(
            "devices/tpm/backend/@type",
            "emulator",
            "devices/tpm",
            "backendModel",
            "a TPM emulator",
            "install swtpm and swtpm-tools",
        ),
    ),
)
