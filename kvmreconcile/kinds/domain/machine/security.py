"""Isolation of a domain: memory encryption, and labels of the host's security drivers."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, YES_NO, Text
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table, combined, paths


class Seclabel(Element):
    """Confinement of the guest by a security driver of the host (SELinux, AppArmor, DAC)."""

    type: Annotated[
        Literal["dynamic", "static", "none"],
        At("@type"),
        Field(
            description=(
                'Type: "dynamic" generates a label at each start, "static" uses `label`, "none" does not confine '
                "the guest."
            )
        ),
    ]
    model: Annotated[
        Literal["selinux", "apparmor", "dac"] | None,
        At("@model"),
        Field(description="Security driver. Defaults to the security driver of the host."),
    ] = None
    relabel: Annotated[
        bool | None,
        At("@relabel", YES_NO),
        Field(
            description=(
                "Whether the label is also applied to the guest's images. Defaults to true with "
                '"dynamic", and false with "static" and "none".'
            )
        ),
    ] = None
    label: Annotated[
        str | None,
        At("label"),
        Field(
            min_length=1,
            description='Label; for the driver "dac", a user and group such as "+107:+107". Required with "static".',
        ),
    ] = None
    baselabel: Annotated[
        str | None,
        At("baselabel"),
        Field(
            min_length=1,
            description='Base of a generated label, with "dynamic". Defaults to the driver\'s choice.',
        ),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Seclabel":
        if (self.type == "static") != (self.label is not None):
            raise ValueError('"label" is required with "type: static", and not valid with other types')
        return self


class LaunchSecurity(Spec):
    """Memory encryption: the host cannot read the guest's memory."""

    type: Annotated[
        Literal["sev", "sev-snp", "s390-pv"],
        At("@type"),
        Field(
            description=(
                'Technology: "sev" on AMD (with `policy` also SEV-ES); "sev-snp", which also protects the '
                'integrity of memory, since libvirt 10.5; "s390-pv" on IBM Z.'
            )
        ),
    ]
    policy: Annotated[
        str | None,
        At("policy"),
        Field(
            pattern=r"^0x[0-9a-fA-F]{1,16}$",
            description=(
                'Policy, a hexadecimal bit mask. With "sev", such as "0x0003": bit 0x1 forbids '
                'debugging, 0x2 forbids key sharing, 0x4 requires SEV-ES. With "sev-snp", such as '
                '"0x00030000": see AMD\'s SEV-SNP specification. Required with both types.'
            ),
        ),
    ] = None
    cbitpos: Annotated[
        int | None,
        At("cbitpos", WHOLE),
        Field(
            ge=0,
            description="Number of the address bit that marks encrypted pages. Defaults to the value of the host.",
        ),
    ] = None
    reduced_phys_bits: Annotated[
        int | None,
        At("reducedPhysBits", WHOLE),
        Field(
            ge=0,
            description="Number of address bits that encryption reserves. Defaults to the value of the host.",
        ),
    ] = None
    kernel_hashes: Annotated[
        bool | None,
        At("@kernelHashes", YES_NO),
        Field(
            description="Whether the kernel, initrd and command line of `boot` are also measured. Defaults to false."
        ),
    ] = None
    dh_cert: Annotated[
        str | None,
        At("dhCert"),
        Field(
            min_length=1,
            description="Public key of the guest's owner (Diffie-Hellman), in Base64. Defaults to none.",
        ),
    ] = None
    session: Annotated[
        SecretStr | None,
        At("session", Text()),
        Field(description="Session data of the guest's owner, in Base64; never displayed. Defaults to none."),
    ] = None

    id_block: Annotated[
        str | None,
        At("idBlock"),
        Field(
            min_length=1,
            description='Expected launch measurement (ID block), in Base64, with "sev-snp". Defaults to none.',
        ),
    ] = None
    id_auth: Annotated[
        str | None,
        At("idAuth"),
        Field(
            min_length=1,
            description="Signature and keys of `idBlock` (ID authentication), in Base64. Defaults to none.",
        ),
    ] = None
    host_data: Annotated[
        str | None,
        At("hostData"),
        Field(
            min_length=1,
            description='32 bytes of host data in attestation reports, in Base64, with "sev-snp". Defaults to none.',
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "LaunchSecurity":
        if (self.type != "s390-pv") != (self.policy is not None):
            raise ValueError(
                '"policy" is required with the types "sev" and "sev-snp", and not valid with other types'
            )
        if self.type == "sev-snp" and (self.dh_cert or self.session):
            raise ValueError(
                '"dhCert" and "session" are valid with "type: sev" only; remove them, or set "type: sev"'
            )
        if self.type != "sev-snp" and (self.id_block or self.id_auth or self.host_data):
            raise ValueError(
                '"idBlock", "idAuth" and "hostData" are valid with "type: sev-snp" only; remove '
                'them, or set "type: sev-snp"'
            )
        return self


class SecurityFields(Spec):
    """Fields of Domain for security."""

    launch_security: Annotated[
        LaunchSecurity | None, At("launchSecurity"), Field(description="Memory encryption. Defaults to none.")
    ] = None
    seclabels: Annotated[
        list[Seclabel] | None,
        At("seclabel"),
        Field(description="Security labels. Defaults to a label that the host's security driver generates."),
    ] = None


SECTION = Section(
    SecurityFields,
    combined(
        Rules(
            members=Table({"": shared_list(("@model",), ("@type",))}),
            implied=Table({"": "", "@type": "dynamic", "@relabel": "yes"}),
            ignored=paths("imagelabel"),
        ).below("seclabel"),
        Rules(secrets=paths("launchSecurity/session")),
    ),
)
