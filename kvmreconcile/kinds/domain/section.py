"""Define what a section of a domain consists of: the fields, rules and checks of one subject."""

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
    A component of the host that a definition may require.

    Attributes:
        where: Path of the attribute that requires the component.
        value: Value of the attribute that requires the component.
        element: Path of the element in the domain capabilities that describes the component.
        listed: Name of the `<enum>` in that element that lists supported values.
        what: The component, for messages.
        todo: How to install the component, or how to do without it.
    """

    where: str
    value: str
    element: str
    listed: str
    what: str
    todo: str

    @property
    def obstacle(self) -> Obstacle:
        """Why a domain that requires this component cannot be created or started."""
        return Obstacle(f"it needs {self.what}, which libvirt does not find on the host", self.todo)


@dataclass(frozen=True, slots=True)
class HostFile:
    """
    A file that must exist on the host when a domain is started.

    Attributes:
        element: Path of the element that refers to the file.
        where: Path of the file name in the element.
        what: The purpose of the file, for messages.
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
        where: Path of the device name in the interface.
        what: The type of the device, for messages.
    """

    type: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class NameSource:
    """
    How to name a device when its domain is adopted.

    Attributes:
        paths: Paths of values in the device. The first value that exists becomes the name.
        otherwise: The name if none of the values can be used.
        kinds: Values of the attribute `device` (such as "cdrom") that become the name themselves. The
            medium in such a drive is not part of its identity.
    """

    paths: tuple[str, ...]
    otherwise: str
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """
    A subject of a domain, such as disks: its fields, rules and checks.

    Attributes:
        fields: The section's fields, from which `DomainSpec` inherits; None if the section has no fields.
        rules: The rules of the section's elements, with paths from the root of the domain (`Rules.below`).
        spec_checks: Checks of a spec for problems that cannot be solved in `xml`.
        checks_without_xml: Checks of a spec for problems that could be solved in `xml`. Skipped if the spec
            has `xml`.
        definition_checks: Checks of a definition for problems that exist on every host.
        complete: Adds values to a new definition that depend on its surroundings.
        host_parts: Components that the host must have for certain values.
        files: Files that must exist on the host.
        links: Network devices that must exist on the host.
        takes_port: By tag of a device, whether the device occupies a PCI Express port.
        kept: Paths that an adopted spec includes even if libvirt would choose the same value.
        kept_with: Paths in `kept` that are included only if another element exists; maps each to that
            element.
        names: By tag of a device, how to name the device when its domain is adopted.
        stays: Yields notes for the plan on data that is kept when a domain is removed.
        describe: By path of a part, describes what a running guest loses with the part.
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
    Return a domain's spec, typed as the fields of one section.

    Raises:
        TypeError: The spec does not inherit from the fields.
    """
    if not isinstance(spec, fields):
        raise TypeError(f"{type(spec).__name__} has no fields of {fields.__name__}")
    return spec
