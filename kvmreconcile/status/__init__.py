"""
Compute the status of the daemon and the condition of each object, as one immutable snapshot.

This package contains only pure functions and values: no clock, no log and no connection to the host.
"""

from kvmreconcile.status.condition import Condition, ObjectStatus
from kvmreconcile.status.status import LastPass, Link, RevisionInUse, Status

__all__ = ["Condition", "LastPass", "Link", "ObjectStatus", "RevisionInUse", "Status"]
