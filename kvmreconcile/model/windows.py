"""
When changes may be made: windows of time, and how far each goes.

Separate from the objects, because what a window means is a matter of the calendar alone. Pure: the moment is
always handed in.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from kvmreconcile.tree import Effect

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""Whatever language the host speaks."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    A stretch of time that comes again and again.

    Attributes:
        at: When it opens, as five fields of cron that are met again and again.
        lasts_s: How long it is open, by the clock of physics: a night in which clocks are changed is as long.
        zone: The name of the time zone by which it opens.
        max_effect: Up to which effect changes are made in it; None is the object's own limit.
    """

    at: str
    lasts_s: float
    zone: str = "UTC"
    max_effect: Effect | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether it is open at a moment; at its very end it no longer is."""
        return self.opens(now - timedelta(seconds=self.lasts_s)) <= now

    def told(self, now: datetime) -> str:
        """Return when it opens next in words, by its own clock: "Sun 2026-11-29 02:00 Europe/Berlin"."""
        moment = self.opens(now).astimezone(ZoneInfo(self.zone))
        return f"{_DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M} {self.zone}"

    def opens(self, moment: datetime) -> datetime:
        """
        Return when it opens next after a moment, as UTC.

        An hour that clocks skip or repeat is met once. In the repeated one cron's own arithmetic, which is
        that of wall clocks, may go back in time; such starts are over.
        """
        starts = CronSim(self.at, moment.astimezone(ZoneInfo(self.zone)))
        return next(s for start in starts if (s := start.astimezone(UTC)) > moment)
