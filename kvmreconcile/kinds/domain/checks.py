"""
Check a domain's spec and definition, by the checks of its sections.

What libvirt refuses with a clear message at define is left to it. A spec is checked for what libvirt drops or corrects
silently, and for what users most often get wrong; a definition for what is an error on every host, whether its parts
come from fields, from `xml` or from the host. Pure.
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
    """Yield what does not work unless `xml` adds to the spec."""
    for section in SECTIONS:
        for check in section.gaps:
            yield from check(spec)


def mistakes(domain: Node) -> Iterator[Mistake]:
    """Yield errors of a definition, or of a part of one."""
    for section in SECTIONS:
        for check in section.mistakes:
            yield from check(domain)
