"""Desired state of a domain."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Power


class StateFields(Spec):
    """Fields of Domain for state."""

    state: Annotated[
        Literal["running", "stopped", "paused", "any"],
        Field(
            description=(
                'State that the guest should have: "running", "stopped", "paused" (in memory, '
                'with stopped vCPUs), or "any" (not managed). With "running", a guest that was '
                "paused by a user or another tool is resumed. A guest paused by an I/O error, "
                "its watchdog, a crash or a failed post-copy migration is not resumed; it is "
                'reported as held. Defaults to "running".'
            )
        ),
    ] = "running"
    on_guest_stop: Annotated[
        Literal["restart", "leave"],
        Field(
            description=(
                "What to do when a guest that should run was shut down from inside or stopped by another tool: "
                '"restart" starts it, "leave" leaves it off until a user starts it. A guest that crashed, or was '
                'off when the host booted, is always started. Defaults to "restart".'
            )
        ),
    ] = "restart"


POWER = {"running": Power.RUNNING, "stopped": Power.STOPPED, "paused": Power.PAUSED, "any": None}
"""The desired power state by the value in a spec; None for any."""
SECTION = Section(StateFields)
