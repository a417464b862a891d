"""
Tell systemd how the service is doing.

Separate, and nothing but a datagram (sd_notify(3)), so that the daemon runs as well where there is no systemd.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from kvmreconcile.events.events import Connected, Lost, PassEvent, PassFailed, PassFinished, PassPlanned

SLOW_START_S = 300
"""How long the start may take at most; a large state on a slow disk is looked through before it is used."""
_PATIENCE_S = 5.0


def notify(state: str) -> None:
    """Send a state such as "READY=1" to whoever started this process, if it asked to be told and still listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name in Linux's abstract space
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
        # A systemd that is itself stuck keeps nobody from their work.
        door.settimeout(_PATIENCE_S)
        door.connect(address)
        door.send(state.encode())


def starting() -> None:
    """Ask systemd for patience with the start (sd_notify(3), EXTEND_TIMEOUT_USEC=)."""
    notify(f"EXTEND_TIMEOUT_USEC={SLOW_START_S * 1_000_000}\nSTATUS=Checking the state database")


def connecting(uri: str) -> None:
    """Say that the state is open, and what is waited for next: libvirt's answer to a connection."""
    notify(f"STATUS=Connecting to {uri}")


def reloading() -> None:
    """Say that what was asked for by a signal is being done; READY=1 ends it."""
    # Of when the reload began, which only later versions of systemd ask for (Type=notify-reload, since 253).
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return within which time systemd wants a sign of life (sd_watchdog_enabled(3)), None if it wants none."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    wanted = environment.get("WATCHDOG_USEC", "")
    return int(wanted) / 1_000_000 if wanted.isdecimal() and int(wanted) else None


def status(news: PassEvent) -> None:
    """Follow the passes: keep the line that `systemctl status` shows up to date."""
    if line := _line(news):
        notify(f"STATUS={line}")


def _line(news: PassEvent) -> str:
    match news:
        case Connected():
            return f"Connected to {news.uri}"
        case Lost():
            return f"Not connected to libvirt: {_first_line(news.why)}"
        case PassPlanned():
            return _counts(news)
        case PassFinished():
            failed = len({outcome.action.key for outcome in news.report.failed})
            return f"{_counts(news.planned)}, {failed} failed" if failed else ""
        case PassFailed():
            return f"Last pass aborted: {_first_line(news.why)}"
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
