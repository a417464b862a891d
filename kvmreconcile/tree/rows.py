"""Define the rows of rules: what each kind of special case consists of."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.node import Node


class Effect(IntEnum):
    """The effect of a change, mildest first; the policy limits which effects need no approval."""

    LIVE = 1
    """In force at once, without an interruption of the guest."""
    NEXT_BOOT = 2
    """Stored; in force after the next start."""
    RESTART = 3
    """The object must be stopped and started now."""
    REPLACE = 4
    """The object is removed, or removed and recreated; its data stays."""
    DATA_LOSS = 5
    """Data of a guest is lost."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


class Owner(Enum):
    """Which members of a list of elements are ours."""

    SPEC = "spec"
    """A list that the spec mentions is complete: members it does not name are removed."""
    SHARED = "shared"
    """libvirt and other tools add members of their own, which are kept."""
    ORDERED = "ordered"
    """The list is complete and its order matters; members are identified by their position only."""


@dataclass(frozen=True, slots=True)
class Members:
    """
    How elements of one tag are identified.

    A key is one or more paths inside the element that count together. A path with values ("@device=disk|lun|") is a
    condition: the key counts only where the element has one of them, the empty one meaning none at all. "address/@*"
    is all attributes of an element.

    Attributes:
        keys: Tried in order; the first that both sides have decides.
        hints: Tried before the keys, and decide only if they agree, for members that the keys do not distinguish.
        fallback: Tried in order among the members that neither keys nor content matched, in lists that are complete
            on both sides. A value decides only if exactly one member of each side has it. A longer key that holds a
            shorter one and differs forbids the shorter one.
        claims: Take precedence over all keys but the first if these leave an existing member unmatched: it is matched
            with the only desired member of the same value, in place of one of another value.
        running: Tried first between a running and a stored definition of one object, and decide only if they agree.
        advice: Advice for an ambiguous match. Empty: ambiguous members are different ones.
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
    Values that libvirt derived from another value, and that are stale when it changes.

    Attributes:
        when: The path of the other value, inside the element at a rule's path.
        drop: The paths of the stale values, inside the same element.
        implied: Whether an absent value has a meaning, so that adding it is a change.
    """

    when: str
    drop: tuple[str, ...]
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """
    A reference of an element to another object.

    `name` lists the paths inside the element whose values, joined by "/", are the other object's name; there is no
    reference if one is absent.
    """

    kind: str
    name: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """
    A resource that an element claims for its object: no two objects of one kind and host may claim the same.

    Attributes:
        what: The name of the resource for users ("disk"); claims of one name compete. Of several rows of one name that
            apply to an element, the first counts.
        value: Paths inside the element whose values, joined by "/", are claimed; no claim if one is absent.
        scope: Paths inside the element, of which the first that exists counts: claims only conflict if its value is
            the same, such as MAC addresses in one network.
        within: The name of the scope for users ("network").
        names: The kind of object that the value names, and the path in its definition of the value by which others may
            claim it: a volume's path.
        when: Returns whether an element claims the resource.
        overlaps: Returns whether two different values share a part of the resource.
        proves: Whether an object that claims the same is the same object under another name.
        always: Whether an inactive object claims it, too.
        unique: Whether libvirt refuses to define a second object that claims it.
        data: Whether it holds the data of the object.
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
    The verb by which a change reaches a running object, and its effect.

    Attributes:
        verb: "" if the verb of another change makes this one, too.
        on: The signs of the changes it applies to: "+" added, "-" removed, "~" changed.
        at: The path of the element the verb acts on; "" for the changed one itself, "." for that of the section (`below`).
        after: The path of a change, inside the same element at `at`, that this one depends on. While that one waits for
            the object's next start, so does this one; and this one is done after all others.
        interrupts: Whether the part is removed for a moment, which the policy must allow.
        edits_only: Whether it is for edits of a spec only, and not for the correction of drift.
        since: The libvirt version that has the verb.
        source: The source in libvirt or its documentation.
        when: Returns for the change and the definition that it is made in whether the row applies.
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
    A desired value that libvirt chooses itself when it starts the object: any running value satisfies it.

    Attributes:
        at: The path of the value inside the element.
        value: A regular expression that the whole desired value must match.
        when: Further values that the spec must have: (path inside the element, value).
        source: The source in libvirt or its documentation.
    """

    at: str
    value: str = ".*"
    when: tuple[tuple[str, str], ...] = ()
    source: str = ""

    def covers(self, element: Node) -> bool:
        """Return whether a desired element has such a value."""
        value = element.get(self.at)
        is_such = value is not None and re.fullmatch(self.value, value)
        return bool(is_such) and all(element.get(path) == other for path, other in self.when)


@dataclass(frozen=True, slots=True)
class UnsupportedSetting:
    """
    A setting that libvirt accepts in a definition, and can neither start nor change live.

    Attributes:
        when: Returns for an element, and the definition of the object at `beside`, whether it has the setting.
        what: A description for users.
        todo: Advice.
        until: The first libvirt version that supports it.
        source: The source in libvirt or its documentation.
        beside: The kind of another object that decides, and the path of its name in the element; None for none.
    """

    when: Callable[[Node, Node | None], bool]
    what: str
    todo: str
    until: tuple[int, int, int]
    source: str
    beside: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CreationDefaults:
    """Defaults of a new element; `when` lists (path, value) that the spec must have (None: must not have)."""

    tree: Node
    when: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Invisible:
    """A value that a running definition never shows, in the members at a path ("devices/*") for which `when` is true."""

    at: str
    when: Callable[[Node], bool]
