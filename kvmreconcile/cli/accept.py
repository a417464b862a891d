"""`kvmreconcile state accept`: bind the state to the host that is connected to."""

from dataclasses import dataclass

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.recording import record_order
from kvmreconcile.cli.site import open_site
from kvmreconcile.cli.steer import Why
from kvmreconcile.cli.terminal import show
from kvmreconcile.control.client import Client
from kvmreconcile.errors import NoDaemon
from kvmreconcile.reconcile import known_kinds


@dataclass(frozen=True, kw_only=True)
class AcceptOptions(Common):
    """What `state accept` understands."""

    why: Why = ""


def accept(options: AcceptOptions) -> int:
    """Accept this host as the owner of the state database, for example after a mainboard replacement or a lost state."""
    settings = options.settings()
    try:
        show(Client(settings).order("state/accept", {"why": options.why}))
    except NoDaemon:
        with open_site(settings, known_kinds()) as site:
            show(site.state.binding.accept(site.connection.identify()))
            record_order(site.state, settings, "accept", "", options.why)
    return 0
