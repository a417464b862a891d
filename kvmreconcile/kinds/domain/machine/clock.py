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
    """A source of time in the guest."""

    name: Annotated[
        Literal["platform", "hpet", "kvmclock", "pit", "rtc", "tsc", "hypervclock", "armvtimer"],
        At("@name"),
        Field(description="Which it is."),
    ]
    present: Annotated[
        bool | None,
        At("@present", YES_NO),
        Field(description="Whether the guest has it. Defaults to QEMU's choice."),
    ] = None
    tickpolicy: Annotated[
        Literal["delay", "catchup", "merge", "discard"] | None,
        At("@tickpolicy"),
        Field(
            description='What becomes of ticks that came too late: "delay" goes on slowly, "catchup" makes up for them '
            'quickly, "merge" by one, "discard" not at all. Defaults to "delay".'
        ),
    ] = None
    track: Annotated[
        Literal["boot", "guest", "wall", "realtime"] | None,
        At("@track"),
        Field(description="What the `rtc` follows. Defaults to the host's clock as the guest set it."),
    ] = None
    frequency: Annotated[
        int | None,
        At("@frequency", WHOLE),
        Field(ge=1, description="Hertz. How fast the `tsc` counts. Defaults to the host's."),
    ] = None
    mode: Annotated[
        Literal["auto", "native", "emulate", "paravirt", "smpsafe"] | None,
        At("@mode"),
        Field(description='How the `tsc` is had. Defaults to "auto".'),
    ] = None


class Clock(Shorthand):
    """A guest's clock; a bare word is short for `offset`."""

    short: ClassVar[str] = "offset"

    offset: Annotated[
        Literal["utc", "localtime", "timezone", "variable", "absolute"] | None,
        At("@offset"),
        Field(
            description="What it shows at start: UTC, the host's or another zone's time, or, with \"variable\", what the "
            'guest last made of it. Defaults to "utc".'
        ),
    ] = None
    timezone: Annotated[
        str | None,
        At("@timezone"),
        Field(min_length=1, description='With "timezone", which, such as "Europe/Berlin". Defaults to none.'),
    ] = None
    basis: Annotated[
        Literal["utc", "localtime"] | None,
        At("@basis"),
        Field(description='With "variable", what the guest\'s changes start from. Defaults to "utc".'),
    ] = None
    timers: Annotated[
        list[Timer] | None,
        At("timer"),
        Field(description="Single timers; others stay as they are. Defaults to QEMU's choice."),
    ] = None


class ClockFields(Spec):
    """The field of the clock."""

    clock: Annotated[
        Clock | None,
        At("clock"),
        Field(description='What its clock shows, and its timers. Defaults to "utc".'),
    ] = None


SECTION = Section(
    ClockFields,
    Rules(
        members=Table({"timer": shared_list(("@name",))}),
        # Local time becomes a distance from UTC at the start, and the guest sets its clock; `qemuProcessHandleRTCChange`.
        live_ignored=paths("@adjustment", "@basis"),
        whole=paths(""),
    ).below("clock"),
)
