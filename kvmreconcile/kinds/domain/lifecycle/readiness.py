"""When a guest is ready, and after which others it starts."""

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
        raise ValueError('this is no IP address such as "192.0.2.7" or "2001:db8::7"') from None


class TcpPort(Shorthand):
    """A port at which the guest accepts connections."""

    short: ClassVar[str] = "port"
    port: Annotated[int, Field(ge=1, le=65535, description="The number of the TCP port.")]
    address: Annotated[
        str | None,
        AfterValidator(_address),
        Field(
            description="Its IP address, as the host that runs kvmreconcile reaches it. Defaults to those that "
            "leases of libvirt's networks name, or else the guest agent; one that accepts will do."
        ),
    ] = None


class ReadySpec(Spec):
    """How a guest shows that it does its work; all that is named must hold at the same time."""

    agent: Annotated[
        bool,
        Field(description="The guest agent answers. Defaults to false."),
    ] = False
    lease: Annotated[
        bool,
        Field(
            description="One of libvirt's networks has given it an address by DHCP. A lease that it had before its "
            "start counts until it is over. Defaults to false."
        ),
    ] = False
    tcp: Annotated[
        TcpPort | None,
        Field(
            description="It accepts connections to a TCP port, `tcp: 22` for short. Defaults to looking at none."
        ),
    ] = None
    command: Annotated[
        list[str] | None,
        Field(
            min_length=1,
            description="A program in the guest and its arguments, which the guest agent runs each time somebody looks, "
            "and which must end with the exit status 0 within 5 seconds. No shell reads it. Defaults to none.",
        ),
    ] = None
    delay_s: Annotated[
        Seconds,
        Field(
            alias="delay",
            description='A time such as "10s". How long it has to run before anybody looks; alone, it is ready '
            'then. Defaults to "0s".',
        ),
    ] = 0.0
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description='A time such as "90s" or "5min". How long it may take from its start; then the step has failed, '
            'the guest runs on, and what is to be started after it is not. Defaults to "2min".',
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
        """Return what is asked of the guest."""
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
            description="How the guest shows, once it is started or restarted, that it does its work; until then it is "
            "waited for. Defaults to nothing: it is ready once it runs."
        ),
    ] = None
    start_after: Annotated[
        list[Name],
        Names("Domain"),
        Field(
            description="Names of domains. While one of them is to run and does not, or is not `ready`, this one is not "
            "started or restarted; all else is done to it. What is off because its own spec says so is not waited for, "
            "and a boot of the host by itself (`autostart`) knows no order. Defaults to none."
        ),
    ] = Field(default_factory=list)


SECTION = Section(ReadinessFields)
