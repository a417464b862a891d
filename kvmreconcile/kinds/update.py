"""The field `update` of a spec: when changes may be made, and their maximum effect without approval."""

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
"""An arbitrary time: the result of parsing does not depend on it."""


def effect(word: str) -> Effect:
    """Return the effect for a word in a spec, such as "next-boot"."""
    return Effect[word.upper().replace("-", "_")]


class WindowSpec(Shorthand):
    """A maintenance window."""

    short: ClassVar[str] = "at"
    at: Annotated[
        str,
        Field(
            description=(
                'When the window opens: days and a time, such as "Sun 02:00", "Mon-Fri 22:30" or "02:00" '
                "(each day), or a cron expression of five fields. Duration and time zone may follow: "
                '"Sun 02:00 +2h Europe/Berlin". If a clock change skips the time of a window, the window '
                "opens at the clock change. If a clock change repeats the time, the window opens once."
            ),
        ),
    ]
    duration: Annotated[
        str | None,
        Field(
            description=(
                'How long the window is open: a number with min, h or d, such as "90min"; at most 31 '
                "days. Required, unless `at` contains a duration."
            )
        ),
    ] = None
    zone: Annotated[
        str | None,
        Field(
            description=(
                'Name of the time zone, such as "Europe/Berlin". Not valid if `at` contains a time zone. '
                'Defaults to "UTC".'
            )
        ),
    ] = None
    max_effect: Annotated[
        EffectWord | None,
        Field(description="Maximum effect of changes in this window. Defaults to `update.maxEffect`."),
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
                'after "+", write one duration without spaces and at most one time zone, and do not '
                f'repeat them in "duration" or "zone"; for example: {_EXAMPLE}'
            )
        lasts = after.split()[0] if after.split() else self.duration
        limit = effect(self.max_effect) if self.max_effect else None
        return Window(_cron(before.split()), _seconds(lasts), _zone(zone[0] if zone else self.zone), limit)


def _cron(words: list[str]) -> str:
    """
    Return the five cron fields for days and a time.

    Args:
        words: Days and a time, or five cron fields, which are returned unchanged.
    """
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
        f'"Sat": write "Fri-Sat,Sun"); for example: {_EXAMPLE}'
    )


def _seconds(text: str | None) -> float:
    found = _DURATION.fullmatch(text or "")
    lasts_s = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if not 0 < lasts_s <= _LONGEST_S:
        raise ValueError(
            "a window needs a duration, which is a whole number with min, h or d, from 1min to 31d; "
            f"for example: {_EXAMPLE}"
        )
    return lasts_s


def _zone(name: str | None) -> str:
    try:
        ZoneInfo(name or "UTC")
    except (OSError, ValueError, KeyError):
        raise ValueError('unknown time zone; use a name such as "Europe/Berlin"') from None
    return name or "UTC"


class UpdatePolicy(Spec):
    """When changes may be made, and their maximum effect without approval."""

    max_effect: Annotated[
        EffectWord,
        Field(
            description=(
                "Maximum effect of changes without approval. Changes with a larger effect are held until "
                'they are approved. Defaults to "next-boot": the change is stored, and takes effect at '
                "the next start."
            )
        ),
    ] = "next-boot"
    windows: Annotated[
        list[WindowSpec],
        Field(
            description=(
                'Maintenance windows, such as ["Sun 02:00 +2h Europe/Berlin"]. Changes are held until a '
                "window opens. New objects are created, and objects that should run are started, at any "
                "time. Defaults to none: changes are made at any time."
            )
        ),
    ] = Field(default_factory=list)
    outside: Annotated[
        Literal["nothing", "live", "next-boot", "restart", "replace", "data-loss"],
        Field(
            description=(
                "Maximum effect of changes while no window is open. Ignored without `windows`. Defaults "
                'to "nothing".'
            )
        ),
    ] = "nothing"
    when_off: Annotated[
        Literal["apply", "wait"],
        Field(
            description=(
                'When inactive objects are changed: "apply" changes them at once, "wait" waits for a '
                'window. Defaults to "apply".'
            )
        ),
    ] = "apply"
