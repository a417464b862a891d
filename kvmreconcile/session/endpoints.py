"""Open the endpoints of a host: libvirt, and those of other installed packages."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from kvmreconcile.errors import Unavailable
from kvmreconcile.execute.plugins import load_plugin
from kvmreconcile.host.endpoint import Down, Endpoint
from kvmreconcile.settings.settings import Settings

ENDPOINTS = "kvmreconcile.endpoints"
"""Entry-point group of functions that open an endpoint, each under its name; see `other_endpoints`."""

Open = Callable[[Settings], Endpoint]
"""Opens a connection to an endpoint. Raises Unavailable, with advice, if the endpoint does not answer."""


def other_endpoints() -> Mapping[str, Open]:
    """
    Return the function that opens each endpoint of other packages.

    Raises:
        SpecError: A function cannot be loaded.
    """
    names = sorted({point.name for point in entry_points(group=ENDPOINTS)})
    return {name: load_plugin(ENDPOINTS, name) for name in names}


def open_endpoint(open_one: Open, settings: Settings) -> Endpoint | Down:
    """Open an endpoint; return why it is down if it cannot be reached."""
    try:
        return open_one(settings)
    except Unavailable as error:
        return Down(str(error))


def close_endpoints(opened: Mapping[str, Any]) -> None:
    """Close the endpoints that are open."""
    for endpoint in opened.values():
        if not isinstance(endpoint, Down):
            endpoint.close()
