"""
Small worlds of guests, volumes, pools and networks for tests of planning.

The tests have their own rules, so that changes of a kind do not affect these tests.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from kvmreconcile.kinds.kind import derived_uuid
from kvmreconcile.kinds.ownership_mark import RULE, with_mark
from kvmreconcile.model import (
    Actual,
    Applied,
    Cost,
    Creation,
    Data,
    DefinitionProblem,
    Desired,
    DivergedSource,
    Key,
    Lifecycle,
    LiveChanges,
    Lookup,
    Manual,
    Observation,
    OwnershipMark,
    Plan,
    Policy,
    Power,
    Prune,
    Relocation,
    Removal,
    Source,
    Surroundings,
    Templates,
    Unknown,
    Unobservable,
    World,
)
from kvmreconcile.plan import Limits, Overrides, plan
from kvmreconcile.plan.compare.applied import applied_before_creation
from kvmreconcile.tree import (
    Change,
    Effect,
    Identity,
    Invisible,
    Members,
    Node,
    Owner,
    Ref,
    Rules,
    Scalar,
    Table,
    Update,
    make,
    overlay,
    parse,
    paths,
    to_xml,
)
from kvmreconcile.tree.scalars import lower
from tests.first_seen import LONG

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


COMMANDS = {
    Manual.REMOVE: "{virsh} remove {name}",
    Manual.START: "{virsh} start {name}",
    Manual.SHUT_DOWN: "{virsh} shutdown {name}",
    Manual.RESUME: "{virsh} resume {name}",
    Manual.POWER_OFF: "{virsh} destroy {name}",
    Manual.DISCARD_SAVE: "{virsh} managedsave-remove {name}",
}


def keep_place(desired: Desired, actual: Actual, before: Node | None) -> Node:
    """Keep the "place" of an object, unless the spec changed it and its content is not copied."""
    tree = desired.tree
    place, was = actual.tree.attr("place"), before and before.attr("place")
    if place is None or (before and was != tree.attr("place") and not desired.policy.live.copies):
        return tree
    return replace(tree, attrs=tuple(sorted({**dict(tree.attrs), "place": place}.items())))


def _diverged_place(
    desired: Desired, actual: Actual, _before: Node | None, _lookup: Lookup
) -> Iterable[DivergedSource]:
    """Return a place with the name "lost"."""
    place = actual.tree.attr("place")
    return [DivergedSource("it", place, desired.tree.attr("place") or "")] if place == "lost" else []


def _migrated_place(desired: Desired, actual: Actual, _lookup: Lookup) -> Iterable[Change]:
    """Yield the place of a running object that differs from the spec."""
    place, wanted = actual.tree.attr("place"), desired.tree.attr("place")
    if actual.active and desired.policy.live.copies and place != wanted:
        yield Change(("it", "@place"), "it/@place", place, wanted)


PLACES = Relocation(keep_place, _diverged_place, _migrated_place)


@dataclass(frozen=True)
class Book:
    """A kind with the attributes that the planner uses."""

    name: str
    root: str
    rules: Rules = field(default_factory=Rules)
    prune: Prune = Prune.AUTO
    has_ownership_mark: bool = False
    has_lifecycle: bool = True
    redefines_whole: bool = True
    renames: bool = False
    one_host: bool = False
    commands: Templates = field(default_factory=lambda: COMMANDS)
    loss: Effect = Effect.REPLACE
    data: Data | None = None
    relocation: Relocation | None = None
    completing: str = ""
    incomplete_after: Table[bool] = field(default_factory=paths)

    def place(self, tree: Node) -> str:
        """Return the path of a pool's volumes."""
        return tree.attr("path") or ""

    def find_problems(self, definition: Node) -> Iterable[DefinitionProblem]:
        """Yield the problems of a definition."""
        wrong = definition.attr("impossible")
        return [DefinitionProblem("@impossible", f"{wrong} cannot be", "leave it out")] if wrong else []

    def notes(self, whole: Node) -> Iterable[str]:
        """Yield a note about a small guest."""
        return ["it is small"] if whole.attr("small") else []

    def cost(self, removal: Removal) -> Cost:
        """Return notes on users and contents, and the hold for a sticky object."""
        users, inside = ([str(x) for x in xs] for xs in ((a.key for a in removal.users), removal.contents))
        notes = [f"used by {u}" for u in users] + [f"holds {i}" for i in inside]
        kept = ("it sticks", "tear it off") if removal.actual.tree.attr("sticky") else None
        return Cost(self.loss, tuple(notes), kept)

    def describe(self, part: Node, rule: str, observed: Observation) -> str:
        """Describe a disk by its device and by the number of existing objects."""
        return f"it loses {part.attr('dev')} of {len(observed.objects)}" if rule == "disk" else ""

    def complete(self, proposed: Node, surroundings: Surroundings) -> Node:
        if not self.has_lifecycle:
            return proposed
        uuid = make(self.root, children=(make("uuid", text=surroundings.uuid),))
        whole = overlay(proposed, uuid, Rules()) if proposed.child("uuid") is None else proposed
        return with_mark(whole, surroundings.ownership_mark) if self.has_ownership_mark else whole


def _names(key: Key, lookup: Lookup) -> Iterable[str]:
    """Yield the names of a volume: its key, and its path if its pool has a path."""
    pool, _, name = key.name.partition("/")
    tree = lookup(Key("StoragePool", pool))
    path = tree.attr("path") if tree else None
    return [str(key), *([f"{path}/{name}"] if path else [])]


def _named(tree: Node) -> Iterable[str]:
    """Yield the names of volumes in a definition. "base" names the backing volume of a volume."""
    if tree.tag == "volume":
        return [tree.attr("base") or ""]
    pairs = (f"Volume/{c.attr('pool')}/{c.attr('volume')}" for c in tree.children)
    return [*pairs, *(c.attr("file") or "" for c in tree.children)]


def _grows(change: Change, _volume: Node) -> bool:
    old, new = change.old, change.new
    return isinstance(old, str) and isinstance(new, str) and int(old) < int(new)


BOOKS = {
    "Domain": Book(
        "Domain",
        "domain",
        Rules(
            members=Table(
                {
                    "disk": Members(
                        (("@name",), ("@dev",)),
                        Owner.SPEC,
                        fallback=(("@dev",), ("@source",)),
                        running=(("@name",), ("@slot", "@source")),
                        advice="name each",
                    ),
                    "nic": Members(
                        (("@mac",),), Owner.SPEC, fallback=(("@lan",),), running=(("@slot", "@lan"),)
                    ),
                }
            ),
            refs=Table(
                {
                    "disk": (Ref("Volume", ("@pool", "@volume")),),
                    "nic": (Ref("Network", ("@network",)), Ref("Mirror", ("@mirror",), required=False)),
                    "peer": (Ref("Domain", ("@name",)),),
                }
            ),
            actions=Table(
                {
                    "uuid": (Update("replace", "~", effect=Effect.REPLACE),),
                    "memory": (Update("set-memory", "~"),),
                    "on_reboot": (Update("set-lifecycle", "~"),),
                    "disk": (Update("attach", "+"), Update("detach", "-")),
                    "nic/@link": (Update("update", at="nic"),),
                }
            ),
            parts=paths("disk", "nic"),
            secrets=paths("password", "disk/@key"),
            live_ignored=paths("alias"),
            invisible=Table({"disk/@name": Invisible("disk", lambda disk: disk.attr("loud") is None)}),
            rebooting=Table({"on_reboot": "destroy"}),
            ignored=paths(RULE),
            identities=Table(
                {
                    "uuid": (Identity("UUID", ("",), proves=True),),
                    "disk": (
                        Identity(
                            "disk",
                            ("@pool", "@volume"),
                            names=("Volume", "path"),
                            when=lambda disk: disk.attr("shared") is None,
                            proves=True,
                            data=True,
                        ),
                        Identity("disk", ("@file",), proves=True, data=True),
                    ),
                    "nic": (Identity("MAC address", ("@mac",), scope=("@network", "@bridge")),),
                }
            ),
        ),
        has_ownership_mark=True,
        renames=True,
        one_host=True,
        relocation=PLACES,
    ),
    "Network": Book(
        "Network",
        "network",
        Rules(
            scalars=Table({"bridge": Scalar(lower)}),
            identities=Table(
                {
                    "bridge": (Identity("bridge", ("",), proves=True),),
                    "ip": (
                        Identity(
                            "subnet", ("",), overlaps=lambda one, other: one[:6] == other[:6], proves=True
                        ),
                    ),
                }
            ),
        ),
    ),
    "StoragePool": Book(
        "StoragePool",
        "pool",
        Rules(identities=Table({"path": (Identity("directory", ("",), proves=True),)})),
        prune=Prune.NEVER,
        commands={},
    ),
    "Volume": Book(
        "Volume",
        "volume",
        Rules(
            refs=Table(
                {"": (Ref("StoragePool", ("@pool",)),), "backing": (Ref("Volume", ("@pool", "@volume")),)}
            ),
            actions=Table(
                {
                    "capacity": (Update("resize", "~", when=_grows),),
                    "format": (Update("replace", effect=Effect.DATA_LOSS),),
                }
            ),
        ),
        has_lifecycle=False,
        redefines_whole=False,
        loss=Effect.DATA_LOSS,
        data=Data(_names, _named),
    ),
}


def wish(name: str, xml: str = "", **more: Any) -> Desired:
    """Return the desired object "Kind/name". Fields of a policy in `more` are set in its policy."""
    key = Key.read(name)
    root = BOOKS[key.kind].root
    live = LiveChanges(**_taken(LiveChanges, more))
    policy = Policy(live=live, lifecycle=Lifecycle(**_taken(Lifecycle, more)), **_taken(Policy, more))
    uuid = derived_uuid("lab", key) if BOOKS[key.kind].has_lifecycle else ""
    source = Source(f"{key.name.replace('/', '-')}.yaml", 3, 1)
    creation = Creation(uuid, more.pop("plain", False), more.pop("content", None))
    return Desired(key, parse(xml or f"<{root}/>"), creation, policy=policy, source=source, **more)


def _taken(value: type, more: dict[str, Any]) -> dict[str, Any]:
    """Remove the fields of a dataclass from `more`, and return them."""
    return {each.name: more.pop(each.name) for each in fields(value) if each.name in more}


def seen(desired: Desired, xml: str = "", live: str | None = None, **more: Any) -> Actual:
    """Return an actual object of ours, by default with the definition of its spec."""
    book, key = BOOKS[desired.key.kind], desired.key
    uuid = desired.creation.uuid
    tree = parse(xml) if xml else desired.tree
    if uuid and tree.child("uuid") is None:
        tree = replace(tree, children=(*tree.children, make("uuid", text=uuid)))
    mark = OwnershipMark("lab", str(key), uuid) if book.has_ownership_mark else None
    tree = with_mark(tree, mark) if mark else tree
    running = {"live_xml": live, "active": True, "runtime_id": 1} if live else {}
    return Actual(
        **{"key": key, "uuid": uuid, "xml": to_xml(tree), "ownership_mark": mark, **running, **more}
    )


def remembered(desired: Desired, **more: Any) -> Applied:
    """Return the applied record of an object after its spec was applied."""
    return replace(applied_before_creation(desired, "lab", BOOKS[desired.key.kind]), complete=True, **more)


def world(
    wanted: Iterable[Desired] = (),
    there: Iterable[Actual | Unknown] = (),
    known: Iterable[Applied] = (),
    unobservable: tuple[Unobservable, ...] = (),
    **more: Any,
) -> World:
    """Return a world with specs that have been unchanged for long, unless `first_seen` is given."""
    observed = Observation({a.key: a for a in there}, unobservable)
    more.setdefault("first_seen", LONG)
    return World("lab", "host1", NOW, {d.key: d for d in wanted}, observed, {a.key: a for a in known}, **more)


def planned(seen: World, overrides: Overrides | None = None, limits: Limits | None = None) -> Plan:
    """Return the plan for a world."""
    return plan(seen, BOOKS, overrides, limits)


def done(made: Plan) -> list[str]:
    """Return the planned steps as "verb Kind/name"."""
    return [f"{a.verb.name} {a.key}" for a in made.actions]


def held(made: Plan) -> list[tuple[str, str]]:
    """Return the held steps as "verb Kind/name", each with the name of the hold."""
    return [(f"{h.action.verb.name} {h.action.key}", h.hold.name) for h in made.held]


def needs(made: Plan) -> Mapping[str, list[str]]:
    """Return, by object, the objects for which it waits."""
    return {str(a.key): [str(n) for n in a.needs] for a in made.actions}


RUNNING, STOPPED = Power.RUNNING, Power.STOPPED
