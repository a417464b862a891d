"""Define edits that may be undone: edits on probation, and stored edits that are not yet in force."""

from dataclasses import dataclass
from datetime import datetime

from kvmreconcile.tree import Change, Node


@dataclass(frozen=True, slots=True)
class Probation:
    """
    An edit that is on probation until the object is ready, or that was rolled back.

    Attributes:
        edit: The digest of the edited spec.
        tree: The tree of the spec before the edit, with secret values masked.
        autostart: Whether the object had autostart before the edit; None if this was not managed.
        failed: Why the edit is rolled back; "" during its probation.
    """

    edit: str
    tree: Node
    autostart: bool | None = None
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    A part of an edit that libvirt refused to bring into force.

    Attributes:
        parts: The places of the refused parts, as the steps of changes.
        within: The place of the element that the refused action changes; empty if the action changes
            only the parts.
        why: The error message.
        tries: How often libvirt refused the part.
        until: When the part is applied again without further changes; None if only a change of the
            spec, libvirt or QEMU leads to another attempt.
    """

    parts: tuple[tuple[str, ...], ...]
    within: tuple[str, ...]
    why: str
    tries: int = 1
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredEdit:
    """
    Changes that are stored in an object's definition and not known to be in force.

    They are undone if libvirt refuses a step.

    Attributes:
        edit: The digest of the spec.
        changes: Changes from the definition with which the object last ran to the stored definition;
            secret values are masked.
        filled: Further changes that libvirt itself made, such as controllers for new devices.
        refused: The parts that libvirt refused.
        software: The versions of libvirt and QEMU that refused the parts; "" if no part is refused or
            the versions are unknown.
    """

    edit: str
    changes: tuple[Change, ...] = ()
    filled: tuple[Change, ...] = ()
    refused: tuple[Refusal, ...] = ()
    software: str = ""
