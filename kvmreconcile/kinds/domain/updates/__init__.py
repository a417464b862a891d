"""
How a change reaches a running domain: the longest table of the kind.

Separate from the other rules because it grows with every libvirt. A change without a row is stored, shown as
pending, and in force after the next start. Source, unless a row names another: the manual page of the call,
https://libvirt.org/html/libvirt-libvirt-domain.html, and libvirt's `qemu_hotplug.c`.
"""

from kvmreconcile.kinds.domain.updates.devices import DEVICES
from kvmreconcile.kinds.domain.updates.tuning import TUNING
from kvmreconcile.kinds.domain.updates.values import VALUES
from kvmreconcile.tree import Table

ACTIONS = Table({**VALUES, **TUNING, **DEVICES})
