"""
Check a domain's spec and definition, by the checks of its sections.

Errors that libvirt reports clearly are left to libvirt. A spec is checked for values that libvirt drops or corrects
silently, and for frequent errors of users; a definition is checked for errors on every host, whether its parts come
from fields, from `xml` or from the host. Pure.
"""

from collections.abc import Iterator

from pydantic import BaseModel

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.model import Mistake
from kvmreconcile.tree import Node


def contradictions(spec: BaseModel) -> Iterator[str]:
    """Yield problems of a spec that no `xml` can resolve."""
    for section in SECTIONS:
        for check in section.contradictions:
            yield from check(spec)


def gaps(spec: BaseModel) -> Iterator[str]:
    """Yield problems of a spec that its `xml` may resolve."""
    for section in SECTIONS:
        for check in section.gaps:
            yield from check(spec)


def mistakes(domain: Node) -> Iterator[Mistake]:
    """Yield errors of a definition, or of a part of one."""
    for section in SECTIONS:
        for check in section.mistakes:
            yield from check(domain)
