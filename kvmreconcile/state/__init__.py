"""What was last asked for of each object, and what happened: the memory between two passes."""

from kvmreconcile.state.history import HistoryEntry
from kvmreconcile.state.recorder import Recorder
from kvmreconcile.state.state import Retention, State

__all__ = ["HistoryEntry", "Recorder", "Retention", "State"]
