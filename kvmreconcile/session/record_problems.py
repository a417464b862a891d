"""Report state records that cannot be read."""

from collections.abc import Iterator

from kvmreconcile.errors import Problem
from kvmreconcile.model import Commands
from kvmreconcile.state import State


def record_problems(state: State, commands: Commands) -> Iterator[Problem]:
    """Yield a problem for each state record that cannot be read."""
    todo = (
        "with the daemon stopped, restore the state database from a backup, or move it away; if the state "
        "is then reported as lost, suspend objects that must not be changed, and accept the loss: "
        f"{commands.kvmreconcile('state', 'accept')}"
    )
    for key, why in sorted(state.unreadable().items()):
        yield Problem(str(key), why, todo)
