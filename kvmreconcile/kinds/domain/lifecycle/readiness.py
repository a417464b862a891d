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
        raise ValueError(
            'this is not an IP address; write one such as "192.0.2.7" or "2001:db8::7"'
        ) from None


class TcpPort(Shorthand):
    """A port at which the guest accepts connections."""

    short: ClassVar[str] = "port"
    port: Annotated[int, Field(ge=1, le=65535, description="TCP port number.")]
    address: Annotated[
        str | None,
        AfterValidator(_address),
        Field(
            description="IP address of the guest that the machine of kvmreconcile can reach. Defaults to the addresses in the DHCP leases of libvirt's networks, or else those that the guest agent reports; one that accepts a connection suffices."
        ),
    ] = None


class ReadySpec(Spec):
    """Checks that a guest works; all of them must succeed at the same time."""

    agent: Annotated[
        bool,
        Field(description="The guest agent responds. Defaults to false."),
    ] = False
    lease: Annotated[
        bool,
        Field(
            description="A libvirt network has leased the guest an address by DHCP. A lease from before the start counts until it expires. Defaults to false."
        ),
    ] = False
    tcp: Annotated[
        TcpPort | None,
        Field(
            description="The guest accepts connections to a TCP port; `tcp: 22` is the short form. Defaults to no check."
        ),
    ] = None
    command: Annotated[
        list[str] | None,
        Field(
            min_length=1,
            description="A program in the guest and its arguments. The guest agent runs it, without a shell, at each check; it must exit with status 0 within 5 seconds. Defaults to none.",
        ),
    ] = None
    delay_s: Annotated[
        Seconds,
        Field(
            alias="delay",
            description='A time such as "10s". Delay between the guest\'s start and the first check. If nothing else is set, the guest is ready after it. Defaults to "0s".',
        ),
    ] = 0.0
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description='A time such as "90s" or "5min". Time from the start in which the guest must become ready. After that the step fails, the guest keeps running, and its dependents are not started. Defaults to "2min".',
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
        """Return the readiness checks of the guest."""
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
    """The fields of readiness."""

    ready: Annotated[
        ReadySpec | None,
        Field(
            description="Checks that show that the guest works after a start or restart. kvmreconcile waits until all pass. Defaults to none: the guest is ready once it runs."
        ),
    ] = None
    start_after: Annotated[
        list[Name],
        Names("Domain"),
        Field(
            description="Names of domains to wait for. While one of them should run and does not, or is not `ready`, this guest is not started or restarted; other changes are made. A domain whose spec says that it is off is not waited for. libvirt's `autostart` at boot ignores this order. Defaults to none."
        ),
    ] = Field(default_factory=list)


SECTION = Section(ReadinessFields)
