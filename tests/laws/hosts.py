"""
A host that misbehaves like real hosts: it changes, drops and rounds values, and adds other values.

The laws must hold whatever the host does. The host imitates no hypervisor.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from kvmreconcile.model import (
    Action,
    Actual,
    Applied,
    Cost,
    Data,
    DefinitionProblem,
    Desired,
    Key,
    Observation,
    Plan,
    Prune,
    Relocation,
    Removal,
    Surroundings,
    Templates,
    World,
)
from kvmreconcile.plan import ComparisonCache, Overrides, plan
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.compare.settled import find_settled_live, run_of
from kvmreconcile.tree import Effect, Node, Rules, Table, make, paths, to_xml
from tests.first_seen import LONG

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Book:
    """The part of a kind that the planner uses."""

    name: str
    root: str
    rules: Rules = field(default_factory=Rules)
    prune: Prune = Prune.AUTO
    has_ownership_mark: bool = False
    renames: bool = False
    one_host: bool = False
    commands: Templates = field(default_factory=dict)

    has_lifecycle: bool = True
    redefines_whole: bool = True
    data: Data | None = None
    relocation: Relocation | None = None
    completing: str = ""
    incomplete_after: Table[bool] = field(default_factory=paths)

    def place(self, _tree: Node) -> str:
        return ""

    def find_problems(self, _definition: Node) -> Iterable[DefinitionProblem]:
        return ()

    def notes(self, _whole: Node) -> Iterable[str]:
        return ()

    def cost(self, _removal: Removal) -> Cost:
        return Cost()

    def describe(self, _part: Node, _rule: str, _observed: Observation) -> str:
        return ""

    def complete(self, proposed: Node, surroundings: Surroundings) -> Node:
        if proposed.child("uuid") or not self.has_lifecycle:
            return proposed
        return replace(proposed, children=(*proposed.children, make("uuid", text=surroundings.uuid)))


@dataclass(frozen=True)
class Whim:
    """How a host changes definitions: by the tags of elements, and always the same way."""

    dropped: frozenset[str]
    spelled: frozenset[str]
    added: frozenset[str]

    def keep(self, node: Node) -> Node:
        children = [self.keep(c) for c in node.children if c.tag not in self.dropped]
        have = {c.tag for c in children}
        children += [make(tag, {"v": "1"}) for tag in sorted(self.added - have) if node.tag in ("root", "a")]
        attrs = tuple((k, v.upper() if node.tag in self.spelled else v) for k, v in node.attrs)
        text = f"0{node.text}" if node.text and node.tag in self.spelled else node.text
        return Node(node.tag, attrs, text, tuple(children), node.prefix)


@dataclass
class Host:
    """The objects, their state records, and how the host changes definitions."""

    book: Book
    stored: Whim
    running: Whim
    trees: dict[Key, Node] = field(default_factory=dict)
    live: dict[Key, Node] = field(default_factory=dict)
    runs: dict[Key, int] = field(default_factory=dict)
    applied: dict[Key, Applied] = field(default_factory=dict)
    cache: ComparisonCache = field(default_factory=ComparisonCache)

    def actual(self, key: Key) -> Actual:
        tree, live = self.trees[key], self.live.get(key)
        run = self.runs.get(key) if live else None
        live_xml = to_xml(live) if live else None
        return Actual(key, tree.get("uuid") or "", to_xml(tree), live_xml, live is not None, runtime_id=run)

    def world(self, *wanted: Desired) -> World:
        seen = Observation({key: self.actual(key) for key in self.trees})
        desired = {d.key: d for d in wanted}
        return World("lab", "host", NOW, desired, seen, self.applied, first_seen=LONG)

    def plan(self, *wanted: Desired, effect: Effect = Effect.REPLACE) -> Plan:
        return self.judge(self.world(*wanted), effect)

    def judge(self, world: World, effect: Effect = Effect.REPLACE) -> Plan:
        books, overrides = {self.book.name: self.book}, Overrides(effect)
        made = plan(world, books, overrides, cache=self.cache)
        assert made == plan(world, books, overrides), "the comparison cache changes the plan"
        return made

    def execute(self, made: Plan, *wanted: Desired) -> None:
        """Execute a plan, and record the results as executors do."""
        before = self.world(*wanted)
        for action in made.actions:
            self.perform(action)
        for key in dict.fromkeys((*(a.key for a in made.actions), *made.records)):
            if key not in before.desired or key not in self.trees:
                self.applied.pop(key, None)
                continue
            desired, actual = before.desired[key], self.actual(key)
            seen, known = before.observed.objects.get(key), before.applied.get(key)
            after = applied_after(desired, actual, self.book, "lab")
            run = run_of(seen if isinstance(seen, Actual) else None, actual)
            running = find_settled_live(desired, actual, run, known, self.book)
            self.applied[key] = replace(after, settled=(*after.settled, *running))

    def perform(self, action: Action) -> None:
        key = action.key
        match action.verb.name:
            case "create" | "recreate" | "define" | "replace":
                assert action.tree is not None
                self.trees[key] = self.stored.keep(action.tree)
            case "start" | "restart":
                self.live[key] = self.running.keep(self.trees[key])
                self.runs[key] = self.runs.get(key, 0) + 1
            case "stop":
                self.live.pop(key, None)
            case "remove":
                for kept in (self.trees, self.live, self.runs):
                    kept.pop(key, None)
            case _:
                pass  # a running object never changes here, which is the worst case
