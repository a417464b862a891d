"""Equivalent forms in which libvirt writes values and sizes, for several sections of a domain."""

from kvmreconcile.tree import Measure, Scalar
from kvmreconcile.tree.scalars import bitmap, integer, lower, number, path

NUMBER, INTEGER, PATH, BITMAP, LOWER = (
    Scalar(number),
    Scalar(integer),
    Scalar(path),
    Scalar(bitmap),
    Scalar(lower),
)
AT_START = Measure(start_step=1 << 20)
"""Memory, which is aligned when the guest starts; `qemuDomainGetMemorySizeAlignment`."""
