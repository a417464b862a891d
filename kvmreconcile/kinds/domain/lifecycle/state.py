"""The state that a domain should have."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Power


class StateFields(Spec):
    """The fields of state."""

    state: Annotated[
        Literal["running", "stopped", "paused", "any"],
        Field(
            description='State that the guest should have: "running", "stopped", "paused" (in memory, its processors '
            'stopped), or "any" (not managed). With "running", a guest that a user paused is resumed. One that an I/O '
            "error, its watchdog, a crash or a failed post-copy migration paused is not resumed but reported as held. "
            'Defaults to "running".'
        ),
    ] = "running"
    on_guest_stop: Annotated[
        Literal["restart", "leave"],
        Field(
            description="What follows where it is to run and was shut down from inside, or stopped by anybody but "
            "kvmreconcile: it is started again, or left off until somebody starts it. One that crashed, or was off "
            'when the host booted, is started in any case. Defaults to "restart".'
        ),
    ] = "restart"


POWER = {"running": Power.RUNNING, "stopped": Power.STOPPED, "paused": Power.PAUSED, "any": None}
"""By the state of a spec, the power state that it asks for; None for any."""
SECTION = Section(StateFields)
