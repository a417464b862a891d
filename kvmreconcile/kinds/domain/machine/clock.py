"""The clock of a domain."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, YES_NO
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.tree import Rules, Table, paths


class Timer(Element):
    """A timer of the guest."""

    name: Annotated[
        Literal["platform", "hpet", "kvmclock", "pit", "rtc", "tsc", "hypervclock", "armvtimer"],
        At("@name"),
        Field(description="Name of the timer."),
    ]
    present: Annotated[
        bool | None,
        At("@present", YES_NO),
        Field(description="Whether the guest has the timer. Defaults to QEMU's choice."),
    ] = None
    tickpolicy: Annotated[
        Literal["delay", "catchup", "merge", "discard"] | None,
        At("@tickpolicy"),
        Field(
            description=(
                'What happens to missed ticks: "delay" delivers them late at the normal rate, '
                '"catchup" at a higher rate, "merge" merges them into one, "discard" drops the '
                'missed ticks. Defaults to "delay".'
            )
        ),
    ] = None
    track: Annotated[
        Literal["boot", "guest", "wall", "realtime"] | None,
        At("@track"),
        Field(
            description="Clock that the timer `rtc` follows. Defaults to the host's clock with the guest's adjustment."
        ),
    ] = None
    frequency: Annotated[
        int | None,
        At("@frequency", WHOLE),
        Field(
            ge=1,
            description="Frequency of the timer `tsc`, in Hertz. Defaults to the frequency of the host's TSC.",
        ),
    ] = None
    mode: Annotated[
        Literal["auto", "native", "emulate", "paravirt", "smpsafe"] | None,
        At("@mode"),
        Field(description='How the guest reads the timer `tsc`. Defaults to "auto".'),
    ] = None


class Clock(Shorthand):
    """A guest's clock. A plain string is short for `offset`."""

    short: ClassVar[str] = "offset"

    offset: Annotated[
        Literal["utc", "localtime", "timezone", "variable", "absolute"] | None,
        At("@offset"),
        Field(
            description=(
                "Time of the clock when the guest starts: UTC, the host's local time, the time of "
                'another time zone ("timezone"), or `basis` with the guest\'s last adjustment '
                '("variable"). Defaults to "utc".'
            )
        ),
    ] = None
    timezone: Annotated[
        str | None,
        At("@timezone"),
        Field(
            min_length=1,
            description='Time zone for the offset "timezone", such as "Europe/Berlin". Defaults to none.',
        ),
    ] = None
    basis: Annotated[
        Literal["utc", "localtime"] | None,
        At("@basis"),
        Field(description='Base of the guest\'s adjustment, for the offset "variable". Defaults to "utc".'),
    ] = None
    timers: Annotated[
        list[Timer] | None,
        At("timer"),
        Field(description="Timers. Unlisted timers are kept. Defaults to QEMU's choice."),
    ] = None


class ClockFields(Spec):
    """Field of Domain for the clock."""

    clock: Annotated[
        Clock | None,
        At("clock"),
        Field(description='The clock and its timers. Defaults to "utc".'),
    ] = None


SECTION = Section(
    ClockFields,
    Rules(
        members=Table({"timer": shared_list(("@name",))}),
        # At start, local time becomes an offset from UTC. Later, the guest may set its clock; `qemuProcessHandleRTCChange`.
        live_ignored=paths("@adjustment", "@basis"),
        whole=paths(""),
    ).below("clock"),
)
