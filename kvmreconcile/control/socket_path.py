"""Determine the path of the control socket, for the daemon and its clients."""

from pathlib import Path

from kvmreconcile.settings.settings import Settings

NONE = "none"


def socket_path(settings: Settings) -> Path | None:
    """Return the path of an instance's control socket, None if the settings disable it."""
    if settings.control.socket == NONE:
        return None
    if settings.control.socket:
        return Path(settings.control.socket)
    # As systemd names an instance's runtime directory (RuntimeDirectory=%N).
    suffix = "" if settings.instance == "default" else f"@{settings.instance}"
    return Path(f"/run/kvmreconcile{suffix}/control.sock")
