"""Notifications: what people are told of the daemon's doings. Separate from the daemon, which waits for none of it."""

from kvmreconcile.notify.notifier import Notifier
from kvmreconcile.notify.setup import open_receivers

__all__ = ["Notifier", "open_receivers"]
