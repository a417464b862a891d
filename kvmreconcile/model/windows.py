"""Define maintenance windows: recurring times in which changes may be made."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from kvmreconcile.tree import Effect

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""Names of the days in English, independent of the locale of the host."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    A recurring maintenance window.

    Attributes:
        at: When the window starts, as five cron fields that match more than once.
        lasts_s: The duration in elapsed seconds; daylight saving time does not affect it.
        zone: The name of the time zone of `at`.
        max_effect: Maximum effect of changes in the window; None for the limit of the object.
    """

    at: str
    lasts_s: float
    zone: str = "UTC"
    max_effect: Effect | None = None

    def is_open(self, now: datetime) -> bool:
        """Return whether the window is open at the time `now`; the end of the window is exclusive."""
        return self.next_start(now - timedelta(seconds=self.lasts_s)) <= now

    def next_start_text(self, now: datetime) -> str:
        """Return the next start in the window's time zone: "Sun 2026-11-29 02:00 Europe/Berlin"."""
        moment = self.next_start(now).astimezone(ZoneInfo(self.zone))
        return f"{_DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M} {self.zone}"

    def next_start(self, moment: datetime) -> datetime:
        """
        Return the next start of the window after the time `moment`, in UTC.

        An hour that daylight saving time skips or repeats counts once. Cron computes in wall-clock time and
        may return a past start in a repeated hour; such starts are skipped.
        """
        starts = CronSim(self.at, moment.astimezone(ZoneInfo(self.zone)))
        return next(s for start in starts if (s := start.astimezone(UTC)) > moment)
