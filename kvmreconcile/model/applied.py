"""Define what the state records about the values that were last applied to an object."""

from dataclasses import dataclass

from kvmreconcile.model.lifecycle import Leftover
from kvmreconcile.model.objects import Key
from kvmreconcile.tree import Node


@dataclass(frozen=True, slots=True)
class Settled:
    """
    A value that libvirt stores differently from the spec.

    It is not planned again until the spec or the stored value changes.

    Attributes:
        path: The place of the value, for users.
        asked: The value in the spec.
        answered: The value that libvirt stores.
        fingerprint: A digest of the difference, which does not reveal the values.
    """

    path: str
    asked: str
    answered: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RememberedPending:
    """
    A change that is stored but not in force, and does not show in the running definition.

    Attributes:
        steps: The place of the change, as in `Change`.
        rule: The path of the change in rules, as in `Change`.
        was: The value in force; None if it is absent.
        now: The stored value; None if it is absent.
    """

    steps: tuple[str, ...]
    rule: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class StartedStep:
    """
    A step that was started and is not known to have succeeded.

    Attributes:
        reason: The name of the step's `Reason`. A repetition for the same spec has this reason, too.
        digest: The digest of the spec when the step was started.
    """

    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Applied:
    """
    The values that were last applied to an object.

    Attributes:
        tree: The tree of the spec, with secret values masked.
        digest: The digest of the spec, to distinguish an edit from drift; "" during a change, when
            parts of two specs may be in force.
        complete: False from before the object is created until all of it exists.
        settled: Values that libvirt stores differently from the spec.
        runtime_id: The runtime ID of the object when `pending` was recorded; None if it was inactive.
        pending: Changes that are stored, not yet in force, and do not show in the running definition.
        protect: Whether the last spec forbade removal. This applies even after the spec is deleted.
        removal: Data that the last spec allows to be removed with the object.
        left: Whether the guest or another tool stopped the object, and the object stays off. libvirt
            forgets the reason when libvirt restarts.
        secrets: Paths at and below which values are secret: those of the last spec, and those of
            earlier specs if definitions still contain their values.
        begun: The step that was started; None if there is none or it is unknown.
        sealed: A slow hash of the secret values in the spec, to distinguish an edit of a secret from
            drift; "" if the spec has no secrets.
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
