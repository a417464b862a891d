"""
Report the state of the service to systemd (sd_notify(3)).

Without systemd, nothing is sent.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from kvmreconcile.events.events import Connected, Lost, PassEvent, PassFailed, PassFinished, PassPlanned

SLOW_START_S = 300
"""The longest time that the start may take, as the state database is checked first and may be large."""
_PATIENCE_S = 5.0


def notify(state: str) -> None:
    """Send a state such as "READY=1" to the service manager, if NOTIFY_SOCKET is set."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name in Linux's abstract space
        address = f"\0{address[1:]}"
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection,
    ):
        # If systemd itself is stuck, it must not block the daemon.
        connection.settimeout(_PATIENCE_S)
        connection.connect(address)
        connection.send(state.encode())


def notify_starting() -> None:
    """Extend systemd's start timeout (sd_notify(3), EXTEND_TIMEOUT_USEC=)."""
    notify(f"EXTEND_TIMEOUT_USEC={SLOW_START_S * 1_000_000}\nSTATUS=Checking the state database")


def notify_connecting(uri: str) -> None:
    """Report that the state database is open and that the daemon is connecting to libvirt."""
    notify(f"STATUS=Connecting to {uri}")


def notify_reloading() -> None:
    """Report that a reload has started; the next READY=1 reports its end."""
    # systemd 253 and later require the time when the reload began (Type=notify-reload).
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """
    Return systemd's watchdog timeout in seconds, or None if the watchdog is disabled.

    Source: sd_watchdog_enabled(3)
    """
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    wanted = environment.get("WATCHDOG_USEC", "")
    return int(wanted) / 1_000_000 if wanted.isdecimal() and int(wanted) else None


def notify_status(event: PassEvent) -> None:
    """Update the status line of `systemctl status` from an event."""
    if line := _status_line(event):
        notify(f"STATUS={line}")


def _status_line(event: PassEvent) -> str:
    match event:
        case Connected():
            return f"Connected to {event.uri}"
        case Lost():
            return f"Not connected to libvirt: {_first_line(event.why)}"
        case PassPlanned():
            return _counts(event)
        case PassFinished():
            failed = len({outcome.action.key for outcome in event.report.failed})
            return f"{_counts(event.pass_planned)}, {failed} failed" if failed else ""
        case PassFailed():
            return f"Last pass aborted: {_first_line(event.why)}"
    return ""


def _counts(planned: PassPlanned) -> str:
    plan, problems = planned.plan, len(planned.specs.problems) + len(planned.plan.problems)
    counts = {
        "in sync": len({*plan.in_sync} - planned.busy),
        "under way": len(planned.busy),
        "to do": len({action.key for action in plan.actions} - planned.busy),
        "held": len({held.action.key for held in plan.held}),
        f"problem{'' if problems == 1 else 's'}": problems,
    }
    said = [f"{count} {word}" for word, count in counts.items() if count or word == "in sync"]
    return ", ".join([*said, *([f"commit {planned.commit[:12]}"] if planned.commit else [])])


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
