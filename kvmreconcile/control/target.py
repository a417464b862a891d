"""
Name the target of a request: an instance, a state directory and a libvirt connection.

A client knows only the path of the socket. A daemon with other settings may be listening on this socket; such a daemon
rejects the request.
"""

from collections.abc import Mapping
from urllib.parse import quote

from kvmreconcile.errors import Problem
from kvmreconcile.settings.settings import Settings

_PREFIX = "Kvmreconcile-"


def target_headers(settings: Settings) -> dict[str, str]:
    """Return the headers of a request for the daemon with these settings."""
    return {f"{_PREFIX}{name.title()}": quote(value) for name, value in _facts(settings).items()}


def find_mismatch(headers: Mapping[bytes, str], settings: Settings) -> Problem | None:
    """
    Return a problem if a request is for a daemon with other settings, or None if it is for this daemon.

    A request without target headers is for any daemon.

    Args:
        headers: The headers of the request, with names in lower case.
        settings: The settings of this daemon.
    """
    asked = {name: headers.get(f"{_PREFIX}{name}".lower().encode()) for name in _facts(settings)}
    wrong = [name for name, value in _facts(settings).items() if asked[name] not in (None, quote(value))]
    if not wrong:
        return None
    have = ", ".join(f"{name} {value}" for name, value in _facts(settings).items())
    what = f"the request is for a daemon with a different {' and '.join(wrong)}; this daemon has {have}"
    todo = (
        "select the right settings with --config, --connect and --state, "
        "or the right socket with control.socket"
    )
    return Problem("request", what, todo)


def _facts(settings: Settings) -> dict[str, str]:
    return {
        "instance": settings.instance,
        "state": str(settings.state.absolute()),
        "connect": settings.connect,
    }
