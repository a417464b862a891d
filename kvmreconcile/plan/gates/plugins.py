"""Call the gates of other packages such that a gate with a bug holds everything, and can only hold. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.gate import Gate, Limits, Splitter
from kvmreconcile.plan.orphans import Orphans


def checked(gate: Gate) -> Gate:
    """Return a gate that holds all steps if the given one raises an error, or does anything but hold steps."""
    hold = Hold.GATE if gate.opened_by_approval else Hold.CLOSED
    return replace(gate, split=_Checked(gate.name, gate.split, hold))


def gate_removals(gone: Orphans, gates: Iterable[Gate], context: PlanContext, limits: Limits) -> Orphans:
    """Return the removals with those held that a gate holds, and those of objects that a held one refers to."""
    for gate in gates:
        allowed, held = checked(gate).split(gone.actions, context, limits)
        kept = {each.action.key for each in held}
        referenced = tuple(_still_referenced(allowed, kept))
        gone = gone.holding((a for a in allowed if a.key not in kept), (*held, *referenced))
    return gone


def _still_referenced(removals: Iterable[Action], kept: set[Key]) -> Iterator[Held]:
    """Yield the removals of objects to which one of the kept objects refers, and add these to the kept ones."""
    for removal in removals:  # In order: objects that refer to an object precede it.
        if user := next((key for key in removal.needs if key in kept), None):
            kept.add(removal.key)
            yield Held(
                removal,
                Hold.PROTECTED,
                f"{user} refers to it, and is not removed",
                f"it is removed after {user}",
            )


@dataclass(frozen=True, slots=True)
class _Checked:
    """
    Calls the function of a gate, and checks its result.

    Attributes:
        hold: The hold of the steps that the gate holds, whatever it sets.
    """

    name: str
    split: Splitter
    hold: Hold

    def __call__(
        self, actions: Sequence[Action], context: PlanContext, limits: Limits, /
    ) -> tuple[list[Action], list[Held]]:
        """Return the result of the gate, or all steps as held if it has none."""
        try:
            allowed, held = self.split(tuple(actions), context, limits)
            wrong = _find_error(actions, allowed, held)
        except Exception as error:  # noqa: BLE001  a bug of another package must not end the pass
            allowed, held, wrong = [], [], f"raised {type(error).__name__}"
        if not wrong:
            return _with_following(actions, [replace(each, hold=self.hold) for each in held])
        detail = f'the gate "{self.name}" {wrong}'
        reason = HoldReason(self.hold, detail, "correct or uninstall the package of this gate")
        return [], [reason.on(action) for action in actions]


def _with_following(actions: Sequence[Action], held: Sequence[Held]) -> tuple[list[Action], list[Held]]:
    """Split steps, with all steps that follow a held step on the same object held for the same reason."""
    by_action, last = {id(each.action): each for each in held}, dict[Key, Held]()
    allowed, all_held = list[Action](), list[Held]()
    for action in actions:
        if reason := by_action.get(id(action)) or last.get(action.key):
            last[action.key] = reason
            all_held.append(replace(reason, action=action))
        else:
            allowed.append(action)
    return allowed, all_held


def _find_error(given: Sequence[Action], allowed: Sequence[Action], held: Sequence[Held]) -> str:
    """Return what is wrong with the result of a gate, "" if every given step is either allowed or held."""
    allowed_ids, held_ids = [id(a) for a in allowed], [id(h.action) for h in held]
    if sorted([*allowed_ids, *held_ids]) != sorted(map(id, given)):
        return "did not return every step once, as allowed or as held"
    kept = set(allowed_ids)
    if allowed_ids != [id(a) for a in given if id(a) in kept]:
        return "changed the order of the steps"
    return ""
