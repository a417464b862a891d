"""Define the section `update` of a spec: when changes may be made, and up to which effect without approval."""

import re
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import Field, model_validator

from kvmreconcile.model import Window
from kvmreconcile.schema.section import Spec
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.tree import Effect

EffectWord = Literal["live", "next-boot", "restart", "replace", "data-loss"]
_EXAMPLE = '"Sun 02:00 +2h Europe/Berlin" or "0 2 * * SUN +2h Europe/Berlin"'
_UNITS_S = {"min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 31 * 86400.0
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DURATION = re.compile(r"\+?(\d+)(min|h|d)")
_WHEN = datetime(2000, 1, 1, tzinfo=UTC)
"""Any time: a rule is parsed the same at all of them."""


def effect(word: str) -> Effect:
    """Return the effect of a value in a spec."""
    return Effect[word.upper().replace("-", "_")]


class WindowSpec(Shorthand):
    """A maintenance window."""

    short: ClassVar[str] = "at"
    at: Annotated[
        str,
        Field(
            description='When the window opens: days and a time, such as "Sun 02:00", "Mon-Fri 22:30" or "02:00" (each day), or a cron expression of five fields. Duration and time zone may follow: "Sun 02:00 +2h Europe/Berlin". A window in an hour that a clock change skips opens at the change; one in an hour that a clock change repeats opens once.',
        ),
    ]
    duration: Annotated[
        str | None,
        Field(
            description='A time with min, h or d, such as "90min"; at most 31 days. How long the window is open. Required, unless `at` has it.'
        ),
    ] = None
    zone: Annotated[
        str | None,
        Field(
            description='Name of the time zone, such as "Europe/Berlin", unless `at` has it. Defaults to "UTC".'
        ),
    ] = None
    max_effect: Annotated[
        EffectWord | None,
        Field(description="Largest effect of changes in this window. Defaults to `update.maxEffect`."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "WindowSpec":
        _ = self.window
        return self

    @cached_property
    def window(self) -> Window:
        """
        The maintenance window that the fields define.

        Raises:
            ValueError: The fields do not define a valid window.
        """
        before, plus, after = self.at.partition("+")
        zone = after.split()[1:]
        if plus and (self.duration or (zone and self.zone) or len(zone) > 1):
            raise ValueError(
                'after "+", write one duration without spaces and at most one time zone, and give neither '
                f'again in "duration" or "zone"; write, for example, {_EXAMPLE}'
            )
        lasts = after.split()[0] if after.split() else self.duration
        limit = effect(self.max_effect) if self.max_effect else None
        return Window(_cron(before.split()), _seconds(lasts), _zone(zone[0] if zone else self.zone), limit)


def _cron(words: list[str]) -> str:
    """Return the five cron fields for days and a time; the words may be five cron fields already."""
    if len(words) in (1, 2):
        found = _TIME.fullmatch(words[-1])
        days = words[0].upper() if len(words) == 2 else "*"
        words = [str(int(found[2])), str(int(found[1])), "*", "*", days] if found else []
    try:
        if len(words) == 5:
            next(CronSim(" ".join(words), _WHEN))
            return " ".join(words)
    except (CronSimError, StopIteration):
        pass
    raise ValueError(
        "the time at which the window opens is missing or not valid (a range of days cannot go past "
        f'"Sat": write "Fri-Sat,Sun"); write, for example, {_EXAMPLE}'
    )


def _seconds(text: str | None) -> float:
    found = _DURATION.fullmatch(text or "")
    lasts_s = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if not 0 < lasts_s <= _LONGEST_S:
        raise ValueError(
            "a window needs a duration, which is a whole number with min, h or d, from 1min to 31d; "
            f"write, for example, {_EXAMPLE}"
        )
    return lasts_s


def _zone(name: str | None) -> str:
    try:
        ZoneInfo(name or "UTC")
    except (OSError, ValueError, KeyError):
        raise ValueError('there is no such time zone; zones have names such as "Europe/Berlin"') from None
    return name or "UTC"


class UpdatePolicy(Spec):
    """When changes may be made, and up to which effect without approval."""

    max_effect: Annotated[
        EffectWord,
        Field(
            description='Largest effect of changes without approval; larger ones are held until they are approved. Defaults to "next-boot": stored, and effective after the next start.'
        ),
    ] = "next-boot"
    windows: Annotated[
        list[WindowSpec],
        Field(
            description='Maintenance windows, such as ["Sun 02:00 +2h Europe/Berlin"]; changes are held until one opens. New objects are created, and objects that should run are started, at any time. Defaults to always open.'
        ),
    ] = Field(default_factory=list)
    outside: Annotated[
        Literal["nothing", "live", "next-boot", "restart", "replace", "data-loss"],
        Field(
            description="Largest effect of changes while no window is open; ignored without `windows`. "
            'Defaults to "nothing".'
        ),
    ] = "nothing"
    when_off: Annotated[
        Literal["apply", "wait"],
        Field(
            description='When inactive objects are changed: "apply" at once, "wait" in a window. Defaults to "apply".'
        ),
    ] = "apply"
