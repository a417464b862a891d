"""What was last asked for of each object, and what happened: the memory between two passes."""

from kvmreconcile.state.history import Entry
from kvmreconcile.state.recorder import Recorder
from kvmreconcile.state.state import Keep, State

__all__ = ["Entry", "Keep", "Recorder", "State"]
