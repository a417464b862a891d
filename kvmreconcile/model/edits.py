"""Define edits that may be undone: those on probation, and those that are stored and not yet in force."""

from dataclasses import dataclass
from datetime import datetime

from kvmreconcile.tree import Change, Node


@dataclass(frozen=True, slots=True)
class Probation:
    """
    An edit on probation until the object is ready with it, or that was rolled back.

    Attributes:
        edit: The digest of the spec.
        tree: The tree of the spec before the edit, with secret values masked.
        autostart: Whether the object had autostart before.
        failed: Why it is rolled back, "" during its probation.
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
        parts: The refused parts, as the steps of changes.
        within: The element that the refused step is about; empty if it is about the parts alone.
        why: The error message.
        tries: How often it was refused.
        until: When it is applied again by itself; None for not until the spec, libvirt or QEMU changes.
    """

    parts: tuple[tuple[str, ...], ...]
    within: tuple[str, ...]
    why: str
    tries: int = 1
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredEdit:
    """
    Changes that were stored in an object's definition and are not known to be in force; undone if a step is refused.

    Attributes:
        edit: The digest of the spec.
        changes: Changes from the definition of the last known run to the stored one; secret values are masked.
        filled: Changes that libvirt itself made with them, such as controllers for new devices.
        refused: The parts that libvirt refused.
        software: The versions of libvirt and QEMU that refused them, "" if none is refused or they are unknown.
    """

    edit: str
    changes: tuple[Change, ...] = ()
    filled: tuple[Change, ...] = ()
    refused: tuple[Refusal, ...] = ()
    software: str = ""
