"""Describe an error in a definition that is an error on every host; obstacles depend on the host."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """
    A setting that no host supports, or that libvirt accepts and ignores.

    Attributes:
        place: XPath of the error below the root element: "devices/disk[2]/target/@bus".
        what: The error, for users.
        todo: The advice.
        other: A second place that is part of the error, "" for none.
    """

    place: str
    what: str
    todo: str
    other: str = ""
