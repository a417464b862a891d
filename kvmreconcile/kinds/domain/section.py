"""Define a section of a domain: one subject, with its fields, rules and checks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from kvmreconcile.model import DefinitionProblem, Observation, Obstacle, Surroundings
from kvmreconcile.schema.section import Spec
from kvmreconcile.tree import Node, Rules

Fields = TypeVar("Fields", bound=Spec)
SpecCheck = Callable[[BaseModel], Iterator[str]]
"""Yields the problems of a domain's spec."""
DefinitionCheck = Callable[[Node], Iterator[DefinitionProblem]]
"""Yields the problems of a domain's definition, or of a part of one."""


@dataclass(frozen=True, slots=True)
class HostPart:
    """
    A component of the host, and how a definition requests it.

    Attributes:
        where: Path of the attribute with which a definition requests it.
        value: Value of that attribute.
        element: Element of the domain capabilities that has the list.
        listed: Name of the list.
    """

    where: str
    value: str
    element: str
    listed: str
    what: str
    todo: str

    @property
    def obstacle(self) -> Obstacle:
        """Why a domain that needs it cannot be created or started."""
        return Obstacle(f"it needs {self.what}, which libvirt does not find on the host", self.todo)


@dataclass(frozen=True, slots=True)
class HostFile:
    """
    A file of the host that must exist when the domain is started.

    Attributes:
        element: Path of the element that names it.
        where: Path of its name in the element.
        what: What the file is.
    """

    element: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class HostLink:
    """
    A network device of the host to which an interface is connected.

    Attributes:
        type: Type of the interface.
        where: Path of the device's name in the interface.
        what: What the device is.
    """

    type: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class NameSource:
    """
    How a device is named when its domain is adopted.

    Attributes:
        paths: Paths in the device; the first value is its name.
        otherwise: Its name if it has no usable value.
        kinds: Values of its `device` that are used as names, since the medium in such a drive does not matter.
    """

    paths: tuple[str, ...]
    otherwise: str
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """
    A subject of a domain.

    Attributes:
        fields: The section's fields of `Domain.spec`, from which the spec inherits; None if it has none.
        rules: The rows of its elements, with the paths of a domain (`Rules.below`).
        spec_checks: Checks of a spec for problems that no `xml` can solve.
        checks_without_xml: Checks of a spec for what only works with additions in `xml`; not run if it has `xml`.
        definition_checks: Checks of a definition for problems that exist on every host.
        complete: Adds to a new definition what only its surroundings determine.
        host_parts: Components that a host must have for some values.
        files: Files that a host must have.
        links: Network devices that a host must have.
        takes_port: By tag of a device, whether it takes a PCI Express port.
        kept: Paths that an adopted spec has even if libvirt would choose the same value.
        kept_with: Those of them that are kept only if another element exists, by path.
        names: By tag of a device, how it is named when its domain is adopted.
        stays: Data that is kept when a domain is removed, as notes of the plan.
        describe: By the path of a part, a description of what a running guest loses with it.
    """

    fields: type[Spec] | None = None
    rules: Rules = field(default_factory=Rules)
    spec_checks: tuple[SpecCheck, ...] = ()
    checks_without_xml: tuple[SpecCheck, ...] = ()
    definition_checks: tuple[DefinitionCheck, ...] = ()
    complete: Callable[[Node, Surroundings], Node] | None = None
    host_parts: tuple[HostPart, ...] = ()
    files: tuple[HostFile, ...] = ()
    links: tuple[HostLink, ...] = ()
    takes_port: Mapping[str, Callable[[Node], bool]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    kept_with: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, NameSource] = field(default_factory=dict)
    stays: Callable[[Node], Iterator[str]] | None = None
    describe: Mapping[str, Callable[[Node, Observation], str]] = field(default_factory=dict)


def fields_of(spec: BaseModel, fields: type[Fields]) -> Fields:
    """
    Return a domain's spec as the fields of a section, from which it inherits.

    Raises:
        TypeError: It does not inherit from them.
    """
    if not isinstance(spec, fields):
        raise TypeError(f"{type(spec).__name__} has no fields of {fields.__name__}")
    return spec
