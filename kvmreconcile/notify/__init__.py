"""Notify users of failures, holds and recoveries; the daemon never waits for a receiver."""

from kvmreconcile.notify.notifier import Notifier
from kvmreconcile.notify.setup import open_receivers

__all__ = ["Notifier", "open_receivers"]
