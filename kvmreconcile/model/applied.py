"""Define what the state records of the last values applied to an object."""

from dataclasses import dataclass

from kvmreconcile.model.lifecycle import Leftover
from kvmreconcile.model.objects import Key
from kvmreconcile.tree import Node


@dataclass(frozen=True, slots=True)
class Settled:
    """A value that libvirt keeps different from the spec; not planned again until either side changes."""

    path: str
    asked: str
    answered: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RememberedPending:
    """
    A change that is stored but not in force, and does not show in the running definition.

    `steps` and `rule` are those of the change; `was` is in force, `now` is stored; None for an absent value.
    """

    steps: tuple[str, ...]
    rule: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class StartedStep:
    """
    A step that was begun and is not known to have succeeded.

    Attributes:
        reason: The reason if it is planned again: the name of a `Reason`.
        digest: The digest of the spec when it was begun.
    """

    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Applied:
    """
    What was last applied to an object.

    Attributes:
        tree: The tree of the spec, with secret values masked.
        digest: The digest of the spec, to distinguish an edit from drift; "" during a change, when parts of two specs
            may be in force.
        complete: False from before the object is created until all of it exists.
        settled: Values that libvirt keeps different from the spec.
        runtime_id: The run of the object in which `pending` arose.
        pending: Changes that are stored, not yet in force, and do not show in the running definition.
        protect: Whether the last spec forbade removal, which applies after the spec is gone.
        removal: Data that the last spec allows to be removed with it.
        left: Whether the guest or another tool stopped it and it stays off; libvirt loses the reason when it restarts.
        secrets: Paths at and below which values are secret: those of the last spec, and those of earlier specs whose
            values definitions still hold.
        begun: The step that was begun, None for none or if unknown.
        sealed: A slow hash of the secret values of the spec, to distinguish an edit of one from drift; "" without any.
    """

    key: Key
    uuid: str
    instance: str
    tree: Node
    digest: str
    complete: bool = True
    settled: tuple[Settled, ...] = ()
    runtime_id: int | None = None
    pending: tuple[RememberedPending, ...] = ()
    protect: bool = False
    removal: frozenset[Leftover] = frozenset()
    left: bool = False
    secrets: tuple[str, ...] = ()
    begun: StartedStep | None = None
    sealed: str = ""
