"""
Check a domain's spec and definition with the checks of its sections.

Specs are checked for values that libvirt silently drops or changes, and for common mistakes. Definitions
are checked for problems that exist on every host, whether the affected part comes from fields, from `xml`
or from the host. Values that libvirt rejects with a clear message are not checked here. Pure.
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
    """Yield problems of a spec that could be solved in `xml`, for specs that have no `xml`."""
    for section in SECTIONS:
        for check in section.checks_without_xml:
            yield from check(spec)


def find_problems(domain: Node) -> Iterator[DefinitionProblem]:
    """Yield problems of a definition, or of a part of a definition, that exist on every host."""
    for section in SECTIONS:
        for check in section.definition_checks:
            yield from check(domain)
