"""Prepare a plan for renderers: steps by object, and every change as an escaped line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from kvmreconcile.model import Action, Held, Hold, Key, Plan, Reason
from kvmreconcile.render.sizes import sizes_of
from kvmreconcile.render.values import leaves, rules_of_change, show_value
from kvmreconcile.system.printable import visible
from kvmreconcile.tree import Change, Effect, Node, Rules
from kvmreconcile.tree.scalars import print_size

APPROVABLE = frozenset(
    (
        Hold.EFFECT,
        Hold.WINDOW,
        Hold.PRUNE,
        Hold.MOVED,
        Hold.BRAKE,
        Hold.GATE,
        Hold.TAKEN_BACK,
        Hold.ROLLOUT,
        Hold.REFUSED,
        Hold.SETTLE,
        Hold.MISSING,
        Hold.LEFT_BEHIND,
    )
)
"""The holds that an approval releases. Other holds need a change of the spec or the host."""
_NAMED = 3
"""Maximum number of objects that a line lists."""


@dataclass(frozen=True, slots=True)
class Line:
    """
    A line for one change, or for one step that changes no definition.

    Attributes:
        sign: "+", "-" or "~" for a change, ">" for a step without changes.
        path: The path of the change, or the verb of the step.
        effect: The effect of the step, None for a change that is already stored.
        reason: The reason of the step, None for a change that is already stored.
    """

    sign: str
    path: str
    old: str | None = None
    new: str | None = None
    effect: Effect | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """
    The planned steps of one object, or its steps that are held for one reason.

    Attributes:
        lines: The changes that the steps make.
        held: The first of the held steps, None for planned steps.
        owner: The document that generates the object; None if the object has a document of its own.
    """

    key: Key
    actions: tuple[Action, ...]
    lines: tuple[Line, ...]
    held: Held | None = None
    owner: Key | None = None

    @property
    def name(self) -> str:
        """The object and its owner as text."""
        return visible(f"{self.key} of {self.owner}" if self.owner else str(self.key))

    @property
    def verbs(self) -> str:
        """The distinct verbs of the steps, in order."""
        return ", ".join(dict.fromkeys(visible(a.verb.name) for a in self.actions))

    @property
    def notes(self) -> tuple[str, ...]:
        """The distinct notes of the steps, to be read before the steps run."""
        return tuple(dict.fromkeys(visible(note) for action in self.actions for note in action.notes))

    @property
    def removes(self) -> bool:
        """Whether the object is removed."""
        return any(action.verb.removes for action in self.actions)

    @property
    def sign(self) -> str:
        """The sign for the object: "+" created, "-" removed, "~" changed, "!" held."""
        if self.held:
            return "!"
        makes = any(action.verb.creates for action in self.actions)
        return "+" if makes else "-" if self.removes else "~"

    @property
    def reason(self) -> Reason | None:
        """The reason of the steps, or None if they have several reasons."""
        reasons = {a.reason for a in self.actions}
        return next(iter(reasons)) if len(reasons) == 1 else None

    @property
    def effect(self) -> Effect:
        """The largest effect of the steps."""
        return max(a.effect for a in self.actions)

    @property
    def cost(self) -> str:
        """The effect as text, or "" for a removal without data loss."""
        return "" if self.removes and self.effect is Effect.REPLACE else str(self.effect)


def planned_groups(plan: Plan, rules: Mapping[str, Rules]) -> Iterator[Group]:
    """Yield the planned steps by object, in the order of the first step on each object."""
    for key, actions in by_object(plan).items():
        yield Group(key, actions, tuple(_lines(actions, _of(rules, key))), owner=plan.owners.get(key))


def by_object(plan: Plan) -> Mapping[Key, tuple[Action, ...]]:
    """Return the planned steps by object."""
    found: dict[Key, list[Action]] = {}
    for action in plan.actions:
        found.setdefault(action.key, []).append(action)
    return {key: tuple(actions) for key, actions in found.items()}


def held_groups(plan: Plan, rules: Mapping[str, Rules]) -> Iterator[Group]:
    """Yield the held steps by object and reason."""
    for (key, *_), group in groupby(plan.held, lambda h: (h.action.key, h.hold, h.detail, h.release)):
        held = tuple(group)
        actions = tuple(h.action for h in held)
        lines = tuple(_lines(actions, _of(rules, key)))
        yield Group(key, actions, lines, held[0], plan.owners.get(key))


def pending_lines(plan: Plan, rules: Mapping[str, Rules]) -> Iterator[tuple[Key, tuple[Line, ...]]]:
    """Yield, by object, the stored changes that wait for the object's next start."""
    actions = (*plan.actions, *(held.action for held in plan.held))
    shown_above = {(a.key, c.path) for a in actions for c in a.changes}
    for key, changes in plan.pending.items():
        if left := [c for c in changes if (key, c.path) not in shown_above]:
            yield key, tuple(line_of(c, _of(rules, key)) for c in left)


def release(held: Held, approve: str) -> str:
    """
    Return advice on how to release a held step, or "" if there is none.

    Args:
        approve: The command that approves the plan, "" if there is none. It is part of the advice
            if an approval releases the step.
    """
    command = approve if held.hold in APPROVABLE else ""
    return "; ".join(filter(None, (visible(held.release), visible(command))))


def needs_approval(plan: Plan) -> bool:
    """Return whether an approval of a plan would release any of its held steps."""
    return bool(plan.digest) and any(held.hold in APPROVABLE for held in plan.held)


def _of(rules: Mapping[str, Rules], key: Key) -> Rules:
    return rules.get(key.kind) or Rules()


def _lines(actions: Sequence[Action], rules: Rules) -> Iterator[Line]:
    """
    Yield lines for the changes that the steps on an object make. A removal has no lines.

    A change that is stored by one step and becomes effective by a restart is one line, with the
    effect of the restart.
    """
    costs: dict[tuple[str, tuple[str, ...]], Effect] = {}
    for action in sorted(actions, key=lambda a: a.effect):
        costs |= {(change.sign, change.steps): action.effect for change in action.changes}
    for action in actions:
        if not action.changes and action.tree is None:
            yield Line(">", visible(action.verb.name), effect=action.effect, reason=action.reason)
        for change in action.changes:
            if cost := costs.pop((change.sign, change.steps), None):
                yield from (replace(each, effect=cost) for each in _shown(change, rules, action))


def _shown(change: Change, rules: Rules, action: Action) -> Iterator[Line]:
    if change.steps:
        yield line_of(change, rules, action)
    elif isinstance(change.new, Node):
        rules = rules_of_change(change, rules)
        for steps, rule, value in leaves(change.new.without("name"), rules):
            yield line_of(Change(steps, rule, None, value, change.secrets), rules, action)


def line_of(change: Change, rules: Rules, action: Action | None = None) -> Line:
    """
    Return the line for a change.

    Args:
        action: The step that makes the change, None if it is stored already.
    """
    rules = rules_of_change(change, rules)
    sizes = tuple(size for size in sizes_of(change, rules, action) if size is not None)
    old, new = (_value(change, value, rules, sizes) for value in (change.old, change.new))
    path = visible(change.path) or "."
    if action is None:
        return Line(change.sign, path, old, new)
    return Line(change.sign, path, old, new, action.effect, action.reason)


def _value(change: Change, value: str | Node | None, rules: Rules, sizes: Sequence[int]) -> str | None:
    """Return a value of a change as text. The old and new size are shown in the same unit."""
    if value is None:
        return None
    if isinstance(value, str) and sizes:
        own = sizes[0] if value is change.old else sizes[-1]
        return print_size(own, *sizes)
    return show_value(value, change.rule, rules)


def unchecked(plan: Plan) -> Iterator[str]:
    """Yield a line for each reason for which libvirt has not validated definitions."""
    by_reason: dict[str, list[str]] = {}
    for key, why in plan.unchecked:
        by_reason.setdefault(why, []).append(visible(str(key)))
    for why, keys in by_reason.items():
        more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
        yield f"Not validated by libvirt: {', '.join(keys[:_NAMED])}{more}: {visible(why)}."
