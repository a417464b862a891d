"""Compute maintenance windows: recurring times in which changes up to an effect may be made."""

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
    A recurring maintenance window.

    Attributes:
        at: When it begins, as the five fields of cron; it must match more than once.
        lasts_s: Its duration in elapsed seconds, which a change of clocks does not affect.
        zone: The name of the time zone of `at`.
        max_effect: Maximum effect of changes that are made in it; None for the object's own limit.
    """

    at: str
    lasts_s: float
    zone: str = "UTC"
    max_effect: Effect | None = None

    def is_open(self, now: datetime) -> bool:
        """Return whether the window is open at a given time; the end is exclusive."""
        return self.next_start(now - timedelta(seconds=self.lasts_s)) <= now

    def next_start_text(self, now: datetime) -> str:
        """Return the next start of the window as text, in its own time zone: "Sun 2026-11-29 02:00 Europe/Berlin"."""
        moment = self.next_start(now).astimezone(ZoneInfo(self.zone))
        return f"{_DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M} {self.zone}"

    def next_start(self, moment: datetime) -> datetime:
        """
        Return the next start of the window after a given time, in UTC.

        An hour that a clock change skips or repeats counts once. In the repeated hour cron, which computes in wall-clock
        time, may return a start in the past; such starts are skipped.
        """
        starts = CronSim(self.at, moment.astimezone(ZoneInfo(self.zone)))
        return next(s for start in starts if (s := start.astimezone(UTC)) > moment)
