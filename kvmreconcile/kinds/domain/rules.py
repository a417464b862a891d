"""
Rules of a domain's XML, combined from the rules of its sections.

Source, unless a row gives another: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.tree import combined

RULES = combined(*(section.rules for section in SECTIONS))
