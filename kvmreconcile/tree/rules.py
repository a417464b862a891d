"""
What a kind must say about its XML so that one engine can merge, compare and change all of it.

Separate from the engine so that a kind is data: every special case is a row here, never a branch there.
A path is made of tags ("devices/disk/driver/@cache"); `*` in a row stands for one tag.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.node import Node
from kvmreconcile.tree.scalars import Measure, Scalar
from kvmreconcile.tree.table import Table, is_within, paths


class Effect(IntEnum):
    """What a change costs, cheapest first; policy says how far to go without being asked."""

    LIVE = 1
    """The guest notices nothing it did not ask for."""
    NEXT_BOOT = 2
    """Stored; in force after the next start."""
    RESTART = 3
    """The object must be stopped and started now."""
    REPLACE = 4
    """The object is removed, or removed and recreated; its data stays."""
    DATA_LOSS = 5
    """Bytes of a guest are destroyed."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


class Owner(Enum):
    """Who decides which members a list of elements has."""

    SPEC = "spec"
    """A list that the spec mentions is complete: members it does not name are removed."""
    SHARED = "shared"
    """libvirt and other tools add members of their own, which are kept."""
    ORDERED = "ordered"
    """The list is complete and its order counts; members have no identity but their place."""


@dataclass(frozen=True, slots=True)
class Members:
    """
    How elements of one tag are told apart.

    A key is one or more paths inside the element that count together. A path with values ("@device=disk|lun|") is a
    condition: the key counts only where the element has one of them, the empty one meaning none at all. "address/@*"
    is all attributes of an element.

    Attributes:
        keys: Tried in order; the first that both sides have decides.
        hints: Tried before the keys, and decide only if they agree: they tell apart what the keys do not.
        fallback: Tried in order among the members that neither keys nor content matched, in lists that are complete
            on both sides. A value decides only if exactly one member of each side has it. A longer key that holds a
            shorter one and differs forbids the shorter one.
        claims: Outweigh all keys but the first where these would leave over a member that exists: it is the one that
            alone has the same value, if that is matched with one of another value.
        running: Tried first between a running and a stored definition of one object, and decide only if they agree.
        advice: What the user can do if several members could be the same one. Empty: they are different members.
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
    What libvirt filled in beside a value, and is stale when that changes.

    Attributes:
        when: The path of the value, inside the element at a rule's path.
        drop: The paths of what is stale, inside the same element.
        implied: Whether leaving the value out says something too, so that its coming is a change.
    """

    when: str
    drop: tuple[str, ...]
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """
    What an element points to.

    `name` lists the paths inside the element that make up the other object's name, joined by "/"; the
    reference exists only where all of them do.
    """

    kind: str
    name: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """
    What an element claims for its object alone: two objects of one kind and host must not claim the same.

    Attributes:
        what: What is claimed, for people ("disk"); claims of one word compete. Of several rows of one word that
            serve an element, the first counts.
        value: Paths inside the element whose values, joined by "/", are claimed; no claim where one is absent.
        scope: Paths inside the element, of which the first that is there counts: the claim holds within its value
            only, as that of a MAC address within a network.
        within: What the scope is, for people ("network").
        names: The kind of object that the value names, and where in its definition the value is that others may
            claim it by: a volume's path.
        when: Tells whether an element claims it at all.
        overlaps: Tells whether two values that differ share something all the same.
        proves: Whether an object that claims the same is the same object under another name.
        always: Whether an object claims it also while it is not active.
        unique: Whether libvirt refuses to define a second object that claims it.
        data: Whether it is where the object keeps its data.
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
    By which verb a change reaches a running object, and what that costs.

    Attributes:
        verb: "" where another change's verb brings this one about too.
        on: The signs of changes it serves: "+" added, "-" removed, "~" changed.
        at: The path of the element the verb acts on; "" for the changed one itself.
        after: The path of a change, inside the same element at `at`, that makes room for this one. While that one
            waits for the object's next start, so does this one; and this one is done after all others.
        interrupts: Whether the part is gone for a moment, which takes a policy that allows it.
        edits_only: Whether it serves what a spec asks for, and not the repair of what others have changed.
        since: The libvirt version that has the verb.
        source: Where libvirt says so.
        when: Asked with the change and the definition it is to be made in whether the row serves it.
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
        value: What the whole of the desired value matches, as a regular expression.
        when: What the spec must say beside it: (path inside the element, value).
        source: Where libvirt says so.
    """

    at: str
    value: str = ".*"
    when: tuple[tuple[str, str], ...] = ()
    source: str = ""

    def covers(self, element: Node) -> bool:
        """Tell whether a desired element says such a value."""
        value = element.get(self.at)
        is_such = value is not None and re.fullmatch(self.value, value)
        return bool(is_such) and all(element.get(path) == other for path, other in self.when)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """
    What libvirt accepts in a definition, and then can neither start nor make live.

    Attributes:
        when: Asked with an element, and the definition of the object at `beside`, whether it is such a one.
        what: What it is, for people.
        todo: What to do instead.
        until: The first libvirt version that can do it.
        source: Where libvirt says so.
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
    """What a new element is given; `when` lists (path, value) that the spec must say (None: must not say)."""

    tree: Node
    when: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Invisible:
    """What a running object never shows to anybody, in the members at a path ("devices/*") that `when` is true of."""

    at: str
    when: Callable[[Node], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """
    All that the engine must know about one kind.

    Attributes:
        members: Identity and ownership of repeated elements. A tag without a row is told apart by its place.
        scalars: How a text ("memory") or an attribute ("@x") is spelled.
        measures: Elements whose value and unit are one size.
        implied: Values that libvirt does not write down, because leaving them out means the same; a function
            is asked with the desired element.
        resets: What a change makes stale beside it.
        ignored: What is reported and never desired, nor shown as a change.
        at_creation: Values that apply when an element is created, and are never compared later.
        containers: Elements that say nothing but what is inside them, so that this is what comes and goes.
        whole: Elements that make no sense in part, and go as one when the spec forgets them.
        required: What an object cannot be without, and so is kept when the spec forgets it.
        automatic: Desired values that mean "chosen at the start", by the element that they are in.
        live_ignored: What libvirt spells otherwise while an object runs, so that it proves nothing pending.
        invisible: What is stored for our own use and the running object never shows to anybody, so that it is
            not pending. An object is adopted with it.
        rebooting: What tells a running object to go off, and not only to start again, when it reboots.
        secrets: Values that are never shown.
        copies: Where libvirt writes the value of a path a second time; it is secret there too.
        refs: What an element points to.
        identities: What an element claims for its object alone.
        parts: What a running object must not lose by a file that was cut: its devices, the addresses it gives out.
        updates: How a change reaches a running object.
        unsupported: What an element cannot have on this host.
        creation_defaults: Defaults of a new object ("") or member that the spec does not set; never compared later.
    """

    members: Table[Members] = field(default_factory=lambda: Table({}))
    scalars: Table[Scalar] = field(default_factory=lambda: Table({}))
    measures: Table[Measure] = field(default_factory=lambda: Table({}))
    implied: Table[str | Callable[[Node], str]] = field(default_factory=lambda: Table({}))
    resets: Table[tuple[Reset, ...]] = field(default_factory=lambda: Table({}))
    ignored: Table[bool] = field(default_factory=paths)
    at_creation: Table[bool] = field(default_factory=paths)
    containers: Table[bool] = field(default_factory=paths)
    whole: Table[bool] = field(default_factory=paths)
    required: Table[bool] = field(default_factory=paths)
    automatic: Table[tuple[Automatic, ...]] = field(default_factory=lambda: Table({}))
    live_ignored: Table[bool] = field(default_factory=paths)
    invisible: Table[Invisible] = field(default_factory=lambda: Table({}))
    rebooting: Table[str] = field(default_factory=lambda: Table({}))
    secrets: Table[bool] = field(default_factory=paths)
    copies: Table[str] = field(default_factory=lambda: Table({}))
    refs: Table[tuple[Ref, ...]] = field(default_factory=lambda: Table({}))
    identities: Table[tuple[Identity, ...]] = field(default_factory=lambda: Table({}))
    parts: Table[bool] = field(default_factory=paths)
    updates: Table[tuple[Update, ...]] = field(default_factory=lambda: Table({}))
    unsupported: Table[tuple[Unsupported, ...]] = field(default_factory=lambda: Table({}))
    creation_defaults: Table[tuple[CreationDefaults, ...]] = field(default_factory=lambda: Table({}))

    def is_left_alone(self, path: str) -> bool:
        """Tell whether what exists stays as it is here, whatever the spec says."""
        return path in self.ignored or path in self.at_creation

    def is_secret(self, path: str) -> bool:
        """Tell whether the value at a path, or of an element around it, is secret."""
        return is_within(self.secrets, path)

    def is_implied(self, path: str, value: str, element: Node) -> bool:
        """Tell whether leaving a value of a desired element out means the same as writing it."""
        row = self.implied.get(path)
        return value == (row(element) if callable(row) else row)

    def creation_default(self, path: str, new: Node) -> Node:
        """Return what a new element starts from: the first row that fits what the spec says of it."""
        for row in self.creation_defaults.get(path) or ():
            if all(new.get(where) == value for where, value in row.when):
                return row.tree
        return Node(new.tag)


def labels(node: Node, members: Members | None) -> Iterator[str]:
    """Yield the names by which people tell an element from others of its tag, best first."""
    for key in members.keys if members else ():
        values = [node.get(path) for path in key]
        if all(v is not None for v in values):
            yield ":".join(str(v).removeprefix("ua-") for v in values)
