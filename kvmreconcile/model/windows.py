"""
Windows: recurring stretches of time in which changes may be made, and up to which effect.

Separate from the objects, because what a window means is a matter of the calendar alone. Pure: the moment is
always handed in.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from kvmreconcile.tree import Effect

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""In English, whatever the locale of the host."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    A recurring stretch of time.

    Attributes:
        at: When it opens, as the five fields of cron; it must match more than once.
        lasts_s: How long it is open, in elapsed seconds: a change of clocks makes it neither longer nor shorter.
        zone: The name of the time zone by which it opens.
        max_effect: Up to which effect changes are made in it; None for the object's own limit.
    """

    at: str
    lasts_s: float
    zone: str = "UTC"
    max_effect: Effect | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether it is open at a moment; at its very end it no longer is."""
        return self.opens(now - timedelta(seconds=self.lasts_s)) <= now

    def told(self, now: datetime) -> str:
        """Return when it opens next in words, in its own time zone: "Sun 2026-11-29 02:00 Europe/Berlin"."""
        moment = self.opens(now).astimezone(ZoneInfo(self.zone))
        return f"{_DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M} {self.zone}"

    def opens(self, moment: datetime) -> datetime:
        """
        Return when it opens next after a moment, as UTC.

        An hour that clocks skip or repeat counts once. In the repeated hour cron, which computes in wall-clock
        time, may return a start in the past; such starts are skipped.
        """
        starts = CronSim(self.at, moment.astimezone(ZoneInfo(self.zone)))
        return next(s for start in starts if (s := start.astimezone(UTC)) > moment)
