"""The edits of a running guest that are run in the lab, and the rows of the live table that are not, with the reason."""

from tests.lab import live_devices, live_newer, live_values

GROUPS = (*live_values.GROUPS, *live_devices.GROUPS, *live_newer.GROUPS)
NOT_RUN = live_values.NOT_RUN | live_devices.NOT_RUN
