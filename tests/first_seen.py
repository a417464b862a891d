"""
Specs that have long said what they say, for tests of all else than how long that must be.

Separate from the worlds that tests make, as there are several and all need it.
"""

from kvmreconcile.model import FirstSeen

LONG = FirstSeen(read_s=86400.0)
"""Specs that have said for a day what they say."""
