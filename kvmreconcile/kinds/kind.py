"""
Define a kind of object: everything that the engine needs to know about it.

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
    "lane_of",
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
    """
    Finds reasons why a host cannot store a definition or run the object.

    Args:
        definition: The proposed definition.
        runs: Whether the object should run; if not, only the storing of the definition is checked.
    """

    def __call__(self, definition: Node, /, *, runs: bool) -> Iterable[Obstacle]:
        """Yield each reason."""


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
        root: Root element of the kind's XML.
        inside: The kind of the containers that hold the objects; "" if there are none. The names of the
            objects begin with the name of the container. Such a kind has no events, and its objects are
            observed whenever the containers are observed.
        key: Returns the key of a document.
        desire: Returns the desired object of a document. Its second parameter is the UUID for a new object.
        complete: Adds values to a proposed definition that depend on its surroundings.
        driver: Returns the driver, the only part that calls libvirt. It is a function so that importing the
            kind does not import libvirt.
        prune: What happens by default to objects without a spec.
        has_ownership_mark: Whether libvirt stores metadata, and therefore the ownership mark, for objects
            of this kind.
        has_lifecycle: Whether the objects can be active or inactive.
        redefines_whole: Whether a new definition replaces the existing definition as a whole. If false,
            each change is made by the verb of its row, and a change without a row replaces the object. Must
            be true for a kind with a lifecycle.
        renames: Whether the driver has the verb "rename", for inactive objects.
        endpoint: The name of the endpoint where the objects exist.
        foreign: Whether most objects of the kind belong to others, as the files of a directory do. Objects without a
            spec are then adopted only if they are named.
        lane: Returns the lane of an object. Of all objects in a lane, only one is changed at a time. None for the
            container of the object, or for a lane of its own if it is in none.
        one_host: Whether an object must not exist on several hosts, because its copies would run at the same time.
        commands: Commands for administrators, by purpose, for messages.
        relocation: How parts of an object keep a source that differs from the spec; None if no part has a
            source.
        find_problems: Finds problems of a definition, or of a part of a definition, that exist on every
            host.
        notes: Returns warnings about a new definition.
        cost: Returns the cost of removing an object, and what is kept.
        describe: Describes what a running object loses if a part is removed. The parameters are the part,
            its path in `Rules.parts` and the observation. Returns "" if there is no description.
        data: How other objects refer to objects that hold data; None if the objects hold no data.
        place: Returns a text for the place where an object stores its contents; "" if it has no contents. A
            definition with a new place does not move the contents.
        completing: The verb that completes a new object before its first start; "" if none is needed.
        incomplete_after: Paths whose change makes an object incomplete until its next start.
        adopt: Returns the fields of `spec` for an existing object, as written in YAML.
        unusable: Reads the local file from which a new object is filled, and returns why the file cannot be
            used.
        damage: Reads an object's content through libvirt, and returns why the content is damaged.
        lacks: Returns, for a connection, a function that finds why the host cannot store or run a
            definition.
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
    endpoint: str = "libvirt"
    foreign: bool = False
    lane: Callable[[Key], str] | None = None
    commands: Templates = field(default_factory=dict)


def lane_of(key: Key, kinds: Mapping[str, Kind]) -> str:
    """Return the lane of an object: a container and the objects in it share one."""
    kind = kinds.get(key.kind)
    if kind and kind.lane:
        return kind.lane(key)
    return f"{kind.inside}/{key.name.partition('/')[0]}" if kind and kind.inside else str(key)


def events_of(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the events of each kind whose changes libvirt reports."""
    drivers = {name: kind.driver() for name, kind in kinds.items()}
    return {name: driver.events for name, driver in drivers.items() if isinstance(driver, Reported)}


def derived_uuid(instance: str, key: Key) -> str:
    """Return the UUID for a new object whose spec has none, derived from the instance and the key."""
    return str(uuid5(NAMESPACE, f"{instance}/{key}"))
