"""Determine the path of the control socket, for the daemon and its clients."""

from pathlib import Path

from kvmreconcile.settings.settings import Settings

NONE = "none"


def socket_path(settings: Settings) -> Path | None:
    """Return the path of an instance's control socket, or None if the settings disable the socket."""
    if settings.control.socket == NONE:
        return None
    if settings.control.socket:
        return Path(settings.control.socket)
    # The directory has the same name as the unit's runtime directory (RuntimeDirectory=%N).
    suffix = "" if settings.instance == "default" else f"@{settings.instance}"
    return Path(f"/run/kvmreconcile{suffix}/control.sock")
