"""How a domain is isolated: encrypted memory, and labels of the host's security drivers."""

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
    """How a security driver of the host (SELinux, AppArmor, file ownership) keeps the guest apart."""

    type: Annotated[
        Literal["dynamic", "static", "none"],
        At("@type"),
        Field(
            description='"dynamic" gives the guest a label of its own at each start, "static" the one that is said, "none" '
            "confines it not at all."
        ),
    ]
    model: Annotated[
        Literal["selinux", "apparmor", "dac"] | None,
        At("@model"),
        Field(description="The driver. Defaults to the host's."),
    ] = None
    relabel: Annotated[
        bool | None,
        At("@relabel", YES_NO),
        Field(
            description='Give the label to the guest\'s images, too. Defaults to true with "dynamic", and false with '
            '"static" and "none".'
        ),
    ] = None
    label: Annotated[
        str | None,
        At("label"),
        Field(
            min_length=1,
            description='The label; of dac a user and group such as "+107:+107". Required with "static".',
        ),
    ] = None
    baselabel: Annotated[
        str | None,
        At("baselabel"),
        Field(
            min_length=1,
            description='What a label is made from, with "dynamic". Defaults to the driver\'s choice.',
        ),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Seclabel":
        if (self.type == "static") != (self.label is not None):
            raise ValueError('"label" is required with "type: static", and valid with no other type')
        return self


class LaunchSecurity(Spec):
    """Memory that the host cannot read, by processors that can encrypt it."""

    type: Annotated[
        Literal["sev", "sev-snp", "s390-pv"],
        At("@type"),
        Field(
            description='"sev" on AMD; with the right `policy` it is SEV-ES. "sev-snp", which also guards the memory\'s '
            'integrity, since libvirt 10.5. "s390-pv" on IBM Z.'
        ),
    ]
    policy: Annotated[
        str | None,
        At("policy"),
        Field(
            pattern=r"^0x[0-9a-fA-F]{1,16}$",
            description='A number such as "0x0003" with "sev": 1 forbids debugging, 2 sharing keys, 4 asks for SEV-ES; or '
            '"0x00030000" with "sev-snp", whose bits are other ones. Required with both.',
        ),
    ] = None
    cbitpos: Annotated[
        int | None,
        At("cbitpos", WHOLE),
        Field(ge=0, description="Bit that marks encrypted pages. Defaults to the host's."),
    ] = None
    reduced_phys_bits: Annotated[
        int | None,
        At("reducedPhysBits", WHOLE),
        Field(ge=0, description="How many bits of addresses the encryption takes. Defaults to the host's."),
    ] = None
    kernel_hashes: Annotated[
        bool | None,
        At("@kernelHashes", YES_NO),
        Field(description="Measure the kernel, initrd and command line of `boot`, too. Defaults to false."),
    ] = None
    dh_cert: Annotated[
        str | None,
        At("dhCert"),
        Field(min_length=1, description="The guest's owner's key, in Base64. Defaults to none."),
    ] = None
    session: Annotated[
        SecretStr | None,
        At("session", Text()),
        Field(description="The guest's owner's session, in Base64; never shown. Defaults to none."),
    ] = None

    id_block: Annotated[
        str | None,
        At("idBlock"),
        Field(
            min_length=1,
            description='What the guest\'s owner expects to boot, in Base64, with "sev-snp". Defaults to none.',
        ),
    ] = None
    id_auth: Annotated[
        str | None,
        At("idAuth"),
        Field(min_length=1, description="The owner's signature of `idBlock`, in Base64. Defaults to none."),
    ] = None
    host_data: Annotated[
        str | None,
        At("hostData"),
        Field(
            min_length=1,
            description='32 bytes that the guest can prove it was given, in Base64, with "sev-snp". Defaults to none.',
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "LaunchSecurity":
        if (self.type != "s390-pv") != (self.policy is not None):
            raise ValueError(
                '"policy" is required with the types "sev" and "sev-snp", and valid with no other'
            )
        if self.type == "sev-snp" and (self.dh_cert or self.session):
            raise ValueError(
                '"dhCert" and "session" can be used with "type: sev" only; remove them, or set that type'
            )
        if self.type != "sev-snp" and (self.id_block or self.id_auth or self.host_data):
            raise ValueError(
                '"idBlock", "idAuth" and "hostData" can be used with "type: sev-snp" only; remove them, or set that type'
            )
        return self


class SecurityFields(Spec):
    """The fields of security."""

    launch_security: Annotated[
        LaunchSecurity | None, At("launchSecurity"), Field(description="Encrypted memory. Defaults to none.")
    ] = None
    seclabels: Annotated[
        list[Seclabel] | None,
        At("seclabel"),
        Field(
            description="How the host keeps it apart. Defaults to a label of its own by the host's driver."
        ),
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
