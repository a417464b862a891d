"""What was last asked for of each object, and what was done: the memory between two passes."""

from kvmreconcile.state.rows import Entry
from kvmreconcile.state.state import State

__all__ = ["Entry", "State"]
