"""Define problems of a definition that occur on every host; problems of one host are obstacles."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DefinitionProblem:
    """
    A setting that no host supports, or that libvirt accepts and ignores.

    Attributes:
        place: XPath of the problem below the root element: "devices/disk[2]/target/@bus".
        what: A description of the problem, for users.
        todo: Advice for solving the problem.
        other: XPath of a second element that is part of the problem; "" if there is none.
    """

    place: str
    what: str
    todo: str
    other: str = ""
