"""Store the values last applied to each object, suspensions and the history."""

from kvmreconcile.state.history import HistoryEntry
from kvmreconcile.state.history_table import Retention
from kvmreconcile.state.recorder import Recorder
from kvmreconcile.state.state import State

__all__ = ["HistoryEntry", "Recorder", "Retention", "State"]
