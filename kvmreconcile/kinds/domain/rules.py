"""
Combine the rules of a domain's XML from those of its sections.

Source, unless a row names another: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.tree import combined

RULES = combined(*(section.rules for section in SECTIONS))
