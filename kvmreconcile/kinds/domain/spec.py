"""The fields of a domain, combined from the fields of its sections."""

from pydantic import model_validator

from kvmreconcile.kinds.domain.checks import find_problems_without_xml, find_spec_problems
from kvmreconcile.kinds.domain.resources.memory import MemoryFields
from kvmreconcile.kinds.domain.section import fields_of
from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.kinds.kind import ObjectSpec

_FIELDS = tuple(section.fields for section in reversed(SECTIONS) if section.fields is not None)
"""The fields of the last base come first."""


class DomainSpec(*_FIELDS, ObjectSpec):  # type: ignore[misc]  # mypy reads no computed bases
    """A virtual machine."""

    @model_validator(mode="after")
    def _check(self) -> "DomainSpec":
        memory = fields_of(self, MemoryFields).memory
        if self.xml is None and (memory is None or memory.size is None):
            raise ValueError('set "memory"' if memory is None else 'set "memory.size"')
        missing = find_problems_without_xml(self) if self.xml is None else ()
        for problem in (*find_spec_problems(self), *missing):
            raise ValueError(problem)
        return self
