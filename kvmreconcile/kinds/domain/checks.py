"""
Check a domain's spec and definition, by the checks of its sections.

What libvirt refuses with a clear message at define is left to it. A spec is checked for what libvirt drops or corrects
silently, and for what users most often get wrong; a definition for problems that exist on every host, whether its parts
come from fields, from `xml` or from the host. Pure.
"""

from collections.abc import Iterator

from pydantic import BaseModel

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.model import DefinitionProblem
from kvmreconcile.tree import Node


def find_spec_problems(spec: BaseModel) -> Iterator[str]:
    """Yield problems of a spec that no `xml` can resolve."""
    for section in SECTIONS:
        for check in section.spec_checks:
            yield from check(spec)


def find_problems_without_xml(spec: BaseModel) -> Iterator[str]:
    """Yield what does not work unless `xml` adds to the spec."""
    for section in SECTIONS:
        for check in section.checks_without_xml:
            yield from check(spec)


def find_problems(domain: Node) -> Iterator[DefinitionProblem]:
    """Yield problems of a definition, or of a part of one, that exist on every host."""
    for section in SECTIONS:
        for check in section.definition_checks:
            yield from check(domain)
