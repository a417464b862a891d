"""
What a kind is: the seam between the engine, which knows no kind, and the folders that each describe one.

Separate from the folders, so that a kind of a third party (entry-point group `kvmreconcile.kinds`) needs
nothing but this module.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable
from uuid import UUID, uuid5

from pydantic import Field

from kvmreconcile.kinds.update import UpdatePolicy
from kvmreconcile.model import (
    Action,
    Actual,
    Content,
    Cost,
    Data,
    Desired,
    Key,
    Mistake,
    Observation,
    Obstacle,
    Prune,
    Relocation,
    Removal,
    Source,
    Surroundings,
    Templates,
)
from kvmreconcile.schema.mapping import Fragment
from kvmreconcile.schema.section import Spec
from kvmreconcile.tree import Node, Rules, Table, paths

__all__ = ["NAMESPACE", "Document", "Driver", "Kind", "ObjectSpec", "Refreshing", "Spec", "derived_uuid"]

NAMESPACE = UUID("6b0f8a5c-1d5e-5f0b-9a53-0c4a6f4d8f1e")
"""Root of every UUID that is derived from a name."""


class ObjectSpec(Spec):
    """The fields that every kind has."""

    adopt: Annotated[
        bool,
        Field(
            description="Take over an object of this name that exists and is not ours. Without it such an "
            "object is a conflict and left alone. Defaults to false."
        ),
    ] = False
    apply: Annotated[
        Literal["enforce", "merge", "create-only", "observe"],
        Field(
            description="How far the spec rules its object: enforce heals drift and treats lists as "
            "complete; merge changes only what is named; create-only makes it and then leaves it alone; "
            'observe reports and never touches. Defaults to "enforce".'
        ),
    ] = "enforce"
    protect: Annotated[
        bool,
        Field(description="Never remove or replace the object, whatever else is said. Defaults to false."),
    ] = False
    ignore: Annotated[
        list[str],
        Field(
            description="Paths in libvirt's XML that are left as they are, such as "
            '"devices/interface/link"; "*" matches one element. Defaults to none.'
        ),
    ] = Field(default_factory=list)
    secret: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(
            description="Paths in libvirt's XML at and below which values are secret, such as "
            '"os/cmdline"; "*" matches one element. They are replaced by (secret) in all output and in the '
            "state. A path at which the spec sets nothing is an error, and so is a path of a value that identifies "
            "members of a list. Passwords and similar values are always secret. Defaults to none."
        ),
    ] = Field(default_factory=list)
    update: Annotated[UpdatePolicy, Field(description="When and how far changes may go without asking.")] = (
        UpdatePolicy()
    )
    defaults: Annotated[
        Literal["modern", "libvirt"],
        Field(
            description="What a new object or device is given where the spec is silent: modern hardware, or "
            'only what libvirt itself fills in. Counts at birth only. Defaults to "modern".'
        ),
    ] = "modern"
    check_schema: Annotated[
        bool,
        Field(
            description="Let libvirt check the definition against its own schema, which catches misspelt XML that "
            "it would drop without a word. Turn it off for the few definitions that libvirt accepts and its "
            "schema does not. Defaults to true."
        ),
    ] = True
    xml: Annotated[
        str | None,
        Fragment(),
        Field(
            description="Anything libvirt can say: an XML fragment of the kind's root element, merged over "
            "what the other fields say. Defaults to nothing."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Document:
    """One object of one spec file, read and validated. `directory` is where relative paths start."""

    kind: str
    name: str
    spec: ObjectSpec
    labels: Mapping[str, str]
    source: Source
    directory: Path


class Driver(Protocol):
    """What a kind can do with libvirt. Raises HostError only."""

    def observe(self, connection: Any, names: Collection[str] | None = None) -> Observation:
        """
        Read all objects of the kind, or those of the given names.

        A name that is asked for and proved absent is left out of the answer.
        """

    def perform(self, connection: Any, action: Action) -> None:
        """Do one step. Safe to repeat: what is already so is no error."""


@runtime_checkable
class Refreshing(Protocol):
    """A driver of a kind whose objects libvirt lists from a cache, by store. Raises nothing."""

    def unlisted(self, connection: Any, names: Collection[str]) -> Mapping[str, Hashable | None]:
        """
        Return those of these names that libvirt's list of an active store lacks, each with the state of that store.

        The state differs whenever something was added to the store; None if that cannot be known.
        """

    def refresh(self, connection: Any, names: Collection[str]) -> Mapping[str, str]:
        """Have libvirt read again the active stores of these names; return those for which that failed, and why."""


@runtime_checkable
class Reported(Protocol):
    """A driver of a kind whose changes libvirt reports (`kvmreconcile.host.events.Events`)."""

    events: Any


def _no_mistakes(_definition: Node) -> Iterable[Mistake]:
    return ()


def _no_notes(_whole: Node) -> Iterable[str]:
    return ()


def _plain_cost(_removal: Removal) -> Cost:
    return Cost()


def _usable(_definition: Node, _content: Content) -> Obstacle | None:
    return None


def _sound(_connection: Any, _actual: Actual) -> Obstacle | None:
    return None


class Lacks(Protocol):
    """Finds what on the host does not allow a definition to be stored or, if it `runs`, to be active."""

    def __call__(self, definition: Node, /, *, runs: bool) -> Iterable[Obstacle]:
        """Yield each obstacle."""


def _all_there(_connection: Any) -> Lacks:
    return _lacks_nothing


def _lacks_nothing(_definition: Node, /, *, runs: bool) -> Iterable[Obstacle]:
    del runs
    return ()


def _not_described(_part: Node, _rule: str, _observed: Observation) -> str:
    return ""


def _no_place(_tree: Node) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of object.

    Attributes:
        root: Tag of its XML.
        inside: The kind of the objects that contain its own, whose names begin with theirs; "" if none do. It has no
            events of its own, and is observed whenever they are.
        key: Makes the key from a document.
        desire: Makes what the spec says; the UUID it is given is the one to be born with.
        complete: Fills in what a proposed definition lacks and only its surroundings tell.
        driver: Makes the only part that calls libvirt; a function, so that nothing else loads it.
        prune: What becomes of an orphan unless configured otherwise.
        stamped: Whether libvirt keeps metadata in such objects, and so our mark.
        has_lifecycle: Whether its objects can be active or inactive.
        redefines_whole: Whether a definition is stored as a whole over the one that exists. If not, each change is made
            by the verb of its row, and a change without a row replaces the object. A kind with a lifecycle must do so.
        renames: Whether the driver has the verb "rename", for an object that is off.
        commands: What an administrator does to an object by commands, for messages.
        relocation: How parts keep a source that differs from the spec; None where no part has a source of its own.
        mistakes: Finds errors of a definition, or of a part of one, that are errors on every host.
        notes: Tells what people should know of a new definition before it is made.
        cost: Tells what the removal of an object costs, and what stays of it.
        describe: Describes what a running object loses with a part of it (`Rules.parts`), given its path and what was
            observed; "" where the definition of the part says enough.
        data: How objects that hold data are named by others, None for a kind whose objects hold none.
        place: Tells where a definition keeps what is in the object, in words for people, "" if nothing is. What is
            there stays there when a definition names another place.
        completing: The verb that completes a new object before it is first started, "" if none is needed.
        incomplete_after: Paths at which a change makes an object incomplete again, until it is started with it.
        adopt: Writes the fields of `spec` that say what exists, as YAML would hold them.
        unusable: Reads the local file that a new object of some definition starts as, and tells why it cannot.
        damage: Asks libvirt whether an object's content is sound, and tells why it is not.
        lacks: Given a connection, makes the function that finds what on the host does not allow a definition.
    """

    name: str
    root: str
    spec: type[ObjectSpec]
    rules: Rules
    key: Callable[[Document], Key]
    desire: Callable[[Document, str], Desired]
    complete: Callable[[Node, Surroundings], Node]
    driver: Callable[[], Driver]
    adopt: Callable[[Actual], dict[str, Any]]
    relocation: Relocation | None = None
    mistakes: Callable[[Node], Iterable[Mistake]] = _no_mistakes
    notes: Callable[[Node], Iterable[str]] = _no_notes
    cost: Callable[[Removal], Cost] = _plain_cost
    unusable: Callable[[Node, Content], Obstacle | None] = _usable
    damage: Callable[[Any, Actual], Obstacle | None] = _sound
    lacks: Callable[[Any], Lacks] = _all_there
    describe: Callable[[Node, str, Observation], str] = _not_described
    data: Data | None = None
    place: Callable[[Node], str] = _no_place
    completing: str = ""
    incomplete_after: Table[bool] = field(default_factory=paths)
    prune: Prune = Prune.CONFIRM
    inside: str = ""
    stamped: bool = False
    has_lifecycle: bool = True
    redefines_whole: bool = True
    renames: bool = False
    commands: Templates = field(default_factory=dict)


def events_of(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return what libvirt reports, by kind; kinds of which it reports nothing are left out."""
    drivers = {name: kind.driver() for name, kind in kinds.items()}
    return {name: driver.events for name, driver in drivers.items() if isinstance(driver, Reported)}


def derived_uuid(instance: str, key: Key) -> str:
    """Return the UUID that an object of this instance is given if its spec names none."""
    return str(uuid5(NAMESPACE, f"{instance}/{key}"))
