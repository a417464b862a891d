"""Define a problem of a definition that exists on every host; obstacles depend on the host."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DefinitionProblem:
    """
    A setting that no host supports, or that libvirt accepts and ignores.

    Attributes:
        place: XPath of the problem below the root element: "devices/disk[2]/target/@bus".
        what: The problem, for users.
        todo: The advice.
        other: A second place that is part of the problem, "" for none.
    """

    place: str
    what: str
    todo: str
    other: str = ""
