"""
Define a kind of objects: all that the engine needs to know of it.

A plugin (entry-point group `kvmreconcile.kinds`) imports everything it needs from this module.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid5

from kvmreconcile.kinds.driver import Driver, Refreshing, Reported
from kvmreconcile.kinds.object_spec import Document, ObjectSpec
from kvmreconcile.model import (
    Actual,
    Content,
    Cost,
    Data,
    DefinitionProblem,
    Desired,
    Key,
    Observation,
    Obstacle,
    Prune,
    Relocation,
    Removal,
    Surroundings,
    Templates,
)
from kvmreconcile.schema.section import Spec
from kvmreconcile.tree import Node, Rules, Table, paths

__all__ = [
    "NAMESPACE",
    "Document",
    "Driver",
    "Kind",
    "Lacks",
    "ObjectSpec",
    "Refreshing",
    "Spec",
    "derived_uuid",
    "events_of",
]

NAMESPACE = UUID("6b0f8a5c-1d5e-5f0b-9a53-0c4a6f4d8f1e")
"""Namespace of the UUIDs that are derived from names."""


def _no_problems(_definition: Node) -> Iterable[DefinitionProblem]:
    return ()


def _no_notes(_whole: Node) -> Iterable[str]:
    return ()


def _plain_cost(_removal: Removal) -> Cost:
    return Cost()


def _no_content_obstacle(_definition: Node, _content: Content) -> Obstacle | None:
    return None


def _no_damage(_connection: Any, _actual: Actual) -> Obstacle | None:
    return None


class Lacks(Protocol):
    """Finds what a host lacks for storing a definition or, if it `runs`, for running it."""

    def __call__(self, definition: Node, /, *, runs: bool) -> Iterable[Obstacle]:
        """Yield each obstacle."""


def _lacks_of_host(_connection: Any) -> Lacks:
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
        root: Root element of its XML.
        inside: The kind of the containers of its objects, whose names begin with those of the containers; "" if there
            are none. Such a kind has no events, and is observed whenever its containers are.
        key: Returns the key of a document.
        desire: Returns the desired object of a document; a new object gets the UUID that is passed.
        complete: Fills in the parts of a proposed definition that depend on its surroundings.
        driver: Returns the driver, the only part that calls libvirt; a function, so that importing a kind does not load it.
        prune: What happens by default to objects without a spec.
        has_ownership_mark: Whether libvirt keeps metadata in such objects, and so the ownership mark.
        has_lifecycle: Whether its objects can be active or inactive.
        redefines_whole: Whether a definition is stored as a whole over the one that exists. If not, each change is made
            by the verb of its row, and a change without a row replaces the object. A kind with a lifecycle must do so.
        renames: Whether the driver has the verb "rename", for inactive objects.
        one_host: Whether an object must not exist on several hosts, since its copies would run at the same time.
        commands: Commands of an administrator about an object, for messages.
        relocation: How parts keep a source that differs from the spec; None where no part has a source of its own.
        find_problems: Finds problems of a definition, or of a part of one, that exist on every host.
        notes: Returns warnings about a new definition.
        cost: Returns what removing an object costs, and what is kept.
        describe: Describes what a running object loses with a part of it (`Rules.parts`), given its path and the
            observation; "" if the definition of the part is enough.
        data: How others name objects that hold data, None for a kind whose objects hold none.
        place: Returns the text for where a definition stores the contents of the object, "" if it has none. Contents
            are not moved when a definition names another place.
        completing: The verb that completes a new object before it is first started, "" if none is needed.
        incomplete_after: Paths at which a change makes an object incomplete until its next start.
        adopt: Returns the fields of `spec` for an existing object, as they are written in YAML.
        unusable: Reads the local file that a new object is filled from, and returns why it cannot be used.
        damage: Reads an object's content through libvirt, and returns why it is damaged.
        lacks: Returns, for a connection, the function that finds what the host lacks for a definition.
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
    find_problems: Callable[[Node], Iterable[DefinitionProblem]] = _no_problems
    notes: Callable[[Node], Iterable[str]] = _no_notes
    cost: Callable[[Removal], Cost] = _plain_cost
    unusable: Callable[[Node, Content], Obstacle | None] = _no_content_obstacle
    damage: Callable[[Any, Actual], Obstacle | None] = _no_damage
    lacks: Callable[[Any], Lacks] = _lacks_of_host
    describe: Callable[[Node, str, Observation], str] = _not_described
    data: Data | None = None
    place: Callable[[Node], str] = _no_place
    completing: str = ""
    incomplete_after: Table[bool] = field(default_factory=paths)
    prune: Prune = Prune.CONFIRM
    inside: str = ""
    has_ownership_mark: bool = False
    has_lifecycle: bool = True
    redefines_whole: bool = True
    renames: bool = False
    one_host: bool = False
    commands: Templates = field(default_factory=dict)


def events_of(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the events of each kind whose changes libvirt reports."""
    drivers = {name: kind.driver() for name, kind in kinds.items()}
    return {name: driver.events for name, driver in drivers.items() if isinstance(driver, Reported)}


def derived_uuid(instance: str, key: Key) -> str:
    """Return the UUID of a new object of this instance whose spec has none."""
    return str(uuid5(NAMESPACE, f"{instance}/{key}"))
