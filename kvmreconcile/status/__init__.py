"""
What the daemon knows, as one frozen value that anybody may read at any time: how each object stands, and why.

Separate from the daemon, which only keeps the newest snapshot: each is worked out here, without a clock, a log or
a host.
"""

from kvmreconcile.status.condition import Condition, ObjectStatus
from kvmreconcile.status.status import LastPass, Link, Revision, Status

__all__ = ["Condition", "LastPass", "Link", "ObjectStatus", "Revision", "Status"]
