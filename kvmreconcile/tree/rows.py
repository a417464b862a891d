"""Define the types of rows in rules, one for each sort of special case."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.node import Node


class Effect(IntEnum):
    """The effect of a change, mildest first. A policy defines which effects need no approval."""

    LIVE = 1
    """The change is in force at once, without an interruption of the guest."""
    NEXT_BOOT = 2
    """The change is stored, and in force after the next start."""
    RESTART = 3
    """The object must be stopped and started now."""
    REPLACE = 4
    """The object is removed, or removed and recreated; its data is kept."""
    DATA_LOSS = 5
    """Data of a guest is lost."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


class Owner(Enum):
    """Which members of a list the spec controls."""

    SPEC = "spec"
    """A list in the spec is complete: members that are not in the spec are removed."""
    SHARED = "shared"
    """Members that libvirt or other tools add are kept."""
    ORDERED = "ordered"
    """A list in the spec is complete and its order matters; members are identified by position only."""


@dataclass(frozen=True, slots=True)
class Members:
    """
    How list members with one tag are identified.

    A key is a tuple of paths inside the element; two elements match by the key if the values at all paths
    are equal. A path with values ("@device=disk|lun|") is a condition: the key applies only to elements with
    one of these values; an empty value stands for an absent attribute. "address/@*" stands for all
    attributes of an element.

    Attributes:
        keys: Keys in order of precedence. The first key that both elements have decides.
        owner: Which members of the list the spec controls.
        hints: Keys that are tried before `keys`. Equal values are a match; different values decide
            nothing.
        fallback: Keys for members that neither `keys` nor content matched, in lists that are complete on
            both sides. A value must occur exactly once on each side. Different values of a longer key
            rule out a match by a shorter key that it includes.
        claims: Keys that override all keys except the first. An existing member that would remain
            unmatched is matched with the only desired member with an equal value.
        running: Keys that are tried first between the running and the stored definition of one object.
            Equal values are a match; different values decide nothing.
        advice: Advice for an ambiguous match. If empty, ambiguous members count as different members.
    """

    keys: tuple[tuple[str, ...], ...] = ()
    owner: Owner = Owner.SHARED
    hints: tuple[tuple[str, ...], ...] = ()
    fallback: tuple[tuple[str, ...], ...] = ()
    claims: tuple[tuple[str, ...], ...] = ()
    running: tuple[tuple[str, ...], ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """
    Values that libvirt derived from a source value. They become stale when the source value changes.

    Attributes:
        when: The path of the source value, relative to the element of the row.
        drop: The paths of the derived values, relative to the element of the row.
        implied: Whether an absent source value has a meaning, so that adding the value is a change.
    """

    when: str
    drop: tuple[str, ...]
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """
    A reference of an element to another object.

    Attributes:
        kind: The kind of the other object.
        name: Paths inside the element. Their values, joined by "/", are the name of the other object. If
            a value is absent, there is no reference.
        required: Whether the other object must exist.
    """

    kind: str
    name: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """
    A resource that only one object of a kind on a host may use, such as a MAC address.

    Attributes:
        what: The name of the resource for users, such as "disk". Claims with different names never
            conflict. If several rows with one name apply to an element, the first one is used.
        value: Paths inside the element. Their values, joined by "/", identify the resource. If a value
            is absent, the element uses no resource.
        scope: Paths inside the element; the first that exists is used. Resources only conflict if their
            scopes are equal, such as MAC addresses in one network.
        within: The name of the scope for users, such as "network".
        names: The kind of an object that is the resource, and the path of an alternative value in the
            definition of that object, such as the path of a volume.
        when: Returns whether an element uses the resource.
        overlaps: Returns whether two different values stand for overlapping resources.
        proves: Whether two objects that use one resource are the same object under two names.
        always: Whether an inactive object uses the resource, too.
        unique: Whether libvirt refuses to define a second object that uses the resource.
        data: Whether the resource holds the data of the object.
    """

    what: str
    value: tuple[str, ...]
    scope: tuple[str, ...] = ()
    within: str = ""
    names: tuple[str, str] | None = None
    when: Callable[[Node], bool] | None = None
    overlaps: Callable[[str, str], bool] | None = None
    proves: bool = False
    always: bool = False
    unique: bool = False
    data: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """
    How a change is applied to a running object: the verb and its effect.

    Attributes:
        verb: The verb; "" if the verb of another change also makes this change.
        on: The signs of the changes that the row applies to: "+" added, "-" removed, "~" changed.
        at: The path of the element that the verb acts on; "" for the changed element itself, "." for the
            element of the section (see `Rules.below`).
        after: The path of a prerequisite change inside the element at `at`. If the prerequisite waits for
            the object's next start, this change waits, too. This change is made after all others.
        interrupts: Whether the part is removed for a moment, which the policy must allow.
        edits_only: Whether the row applies only to edits of a spec, and not to drift.
        effect: The effect of the change.
        since: The first libvirt version that supports the verb.
        source: The source in libvirt or its documentation.
        when: Returns whether the row applies, given the change and the definition before it.
    """

    verb: str
    on: str = "+-~"
    at: str = ""
    after: str = ""
    interrupts: bool = False
    edits_only: bool = False
    effect: Effect = Effect.LIVE
    since: tuple[int, int, int] = (0, 0, 0)
    source: str = ""
    when: Callable[[Change, Node], bool] | None = None


@dataclass(frozen=True, slots=True)
class Automatic:
    """
    A desired value that makes libvirt choose the actual value at start; any actual value satisfies it.

    Attributes:
        at: The path of the value inside the element.
        value: A regular expression that the whole desired value must match.
        when: Further values that the spec must have, as (path inside the element, value).
        source: The source in libvirt or its documentation.
    """

    at: str
    value: str = ".*"
    when: tuple[tuple[str, str], ...] = ()
    source: str = ""

    def covers(self, element: Node) -> bool:
        """Return whether a desired element has an automatic value."""
        value = element.get(self.at)
        is_such = value is not None and re.fullmatch(self.value, value)
        return bool(is_such) and all(element.get(path) == other for path, other in self.when)


@dataclass(frozen=True, slots=True)
class UnsupportedSetting:
    """
    A setting that libvirt accepts in definitions, but supports neither at start nor as a live change.

    Attributes:
        when: Returns whether an element has the setting, given the element and the definition of the
            object that `beside` names.
        what: A description of the setting, for users.
        todo: Advice for users.
        until: The first libvirt version that supports the setting.
        source: The source in libvirt or its documentation.
        beside: The kind of another object that `when` needs, and the path of its name in the element;
            None if no other object is needed.
    """

    when: Callable[[Node, Node | None], bool]
    what: str
    todo: str
    until: tuple[int, int, int]
    source: str
    beside: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CreationDefaults:
    """
    Default values of a new element.

    Attributes:
        tree: The default values.
        when: Values that the spec must have, as (path, value); None as the value means absent.
    """

    tree: Node
    when: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Invisible:
    """
    A value that a running definition never contains.

    Attributes:
        at: The path of the members with the value, such as "devices/*".
        when: Returns whether the value of a member is invisible.
    """

    at: str
    when: Callable[[Node], bool]
