"""Readiness checks of a guest, and its prerequisites."""

from ipaddress import ip_address
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Ready
from kvmreconcile.schema.mapping import Names
from kvmreconcile.schema.section import Seconds
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import Name


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError('not an IP address; use, for example, "192.0.2.7" or "2001:db8::7"') from None


class TcpPort(Shorthand):
    """A TCP port on which the guest accepts connections."""

    short: ClassVar[str] = "port"
    port: Annotated[int, Field(ge=1, le=65535, description="Number of the TCP port.")]
    address: Annotated[
        str | None,
        AfterValidator(_address),
        Field(
            description=(
                "IP address of the guest, as seen from the host that runs kvmreconcile. Of several "
                "addresses, one that accepts a connection is enough. Defaults to the addresses in "
                "DHCP leases of libvirt's networks; without leases, to the addresses that the guest "
                "agent reports."
            )
        ),
    ] = None


class ReadySpec(Spec):
    """Conditions for a guest to be ready. All conditions that are set must be met at the same time."""

    agent: Annotated[
        bool,
        Field(description="Whether the guest agent must answer. Defaults to false."),
    ] = False
    lease: Annotated[
        bool,
        Field(
            description=(
                "Whether the guest must have a DHCP lease of a libvirt network. A lease from before its start "
                "counts until it expires. Defaults to false."
            )
        ),
    ] = False
    tcp: Annotated[
        TcpPort | None,
        Field(
            description=(
                "TCP port that must accept connections. A plain number, such as `tcp: 22`, is short for "
                "`port`. Defaults to none."
            )
        ),
    ] = None
    command: Annotated[
        list[str] | None,
        Field(
            min_length=1,
            description=(
                "Program in the guest and its arguments, without a shell. The guest agent runs it at each "
                "readiness check; it must end with exit status 0 within 5 seconds. Defaults to none."
            ),
        ),
    ] = None
    delay_s: Annotated[
        Seconds,
        Field(
            alias="delay",
            description=(
                'Time such as "10s" that the guest must run before its readiness is checked. If no '
                'other condition is set, the guest is ready after this time. Defaults to "0s".'
            ),
        ),
    ] = 0.0
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description=(
                'Time such as "90s" or "5min" within which the guest must be ready after its start. '
                "After this time, the step fails, the guest keeps running, and its dependents are "
                'not started. Defaults to "2min".'
            ),
        ),
    ] = 120.0

    @model_validator(mode="after")
    def _check(self) -> "ReadySpec":
        if not (self.agent or self.lease or self.tcp or self.command or self.delay_s):
            raise ValueError("set at least one of agent, lease, tcp, command and delay")
        if self.delay_s >= self.timeout_s:
            raise ValueError(f"timeout ({self.timeout_s:g} s) must be longer than delay ({self.delay_s:g} s)")
        return self

    def asked(self) -> Ready:
        """Return the readiness conditions of the spec."""
        return Ready(
            agent=self.agent,
            lease=self.lease,
            port=self.tcp.port if self.tcp else None,
            address=(self.tcp.address if self.tcp else None) or "",
            command=tuple(self.command or ()),
            delay_s=self.delay_s,
            timeout_s=self.timeout_s,
        )


class ReadinessFields(Spec):
    """Fields of Domain for readiness."""

    ready: Annotated[
        ReadySpec | None,
        Field(
            description=(
                "Conditions for the guest to be ready after a start or restart. Its dependents wait "
                "until they are met. Defaults to none: the guest is ready once it runs."
            )
        ),
    ] = None
    start_after: Annotated[
        list[Name],
        Names("Domain"),
        Field(
            description=(
                "Names of domains that must be running and `ready` before this domain is started or "
                "restarted. Other changes do not wait. Domains that are off by their own spec are "
                "skipped. libvirt's `autostart` ignores this order when the host boots. Defaults to "
                "none."
            )
        ),
    ] = Field(default_factory=list)


SECTION = Section(ReadinessFields)
