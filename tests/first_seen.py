"""
Specs that have been unchanged for long, for tests that do not concern settle times.
"""

from kvmreconcile.model import FirstSeen

LONG = FirstSeen(read_s=86400.0)
"""Specs that are unchanged for a day."""
