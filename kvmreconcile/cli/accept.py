"""`kvmreconcile state accept`: bind the state database to the connected host."""

from dataclasses import dataclass

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.orders import STATE_WRITTEN, Why, give_order
from kvmreconcile.cli.recording import record_order
from kvmreconcile.cli.session import open_session
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import show
from kvmreconcile.errors import NoDaemon
from kvmreconcile.session.kinds import known_kinds


@dataclass(frozen=True, kw_only=True)
class AcceptOptions(Common):
    """Options of `state accept`."""

    why: Why = ""


def accept(options: AcceptOptions) -> int:
    """
    Bind the state database to the connected host.

    Use this command after the mainboard was replaced, or after the state was lost.
    """
    settings = options.settings()
    try:
        show(give_order(settings, "state/accept", {"why": options.why}))
    except NoDaemon:
        with open_session(settings, known_kinds()) as session:
            host = session.connection.identify()
            with interruption.working(lambda: STATE_WRITTEN):
                show(session.state.binding.accept(host))
                record_order(session.state, settings, "accept", "", options.why)
    return 0
