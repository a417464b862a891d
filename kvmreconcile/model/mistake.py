"""What is wrong with a definition by itself. Separate from obstacles, which are of a host."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """
    Something that no host can make, or that libvirt takes and does not do.

    Attributes:
        place: XPath of what is wrong, below the root element: "devices/disk[2]/target/@bus".
        what: What is wrong, for people.
        todo: What to do about it.
        other: A second place that is part of it, "" for none.
    """

    place: str
    what: str
    todo: str
    other: str = ""
