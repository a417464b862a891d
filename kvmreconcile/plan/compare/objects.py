"""
One desired object in its world: whether it can be seen, whether it is ours, and what follows.

Separate from comparing, which knows of one object only, and from the planner, which only puts together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import extract_tb

from kvmreconcile.model import (
    Action,
    Actual,
    Applied,
    Apply,
    Desired,
    Held,
    Hold,
    HoldReason,
    Key,
    ManualCommands,
    Reason,
    Stamp,
    Surroundings,
    Unknown,
    Unobservable,
    World,
)
from kvmreconcile.model.verbs import START
from kvmreconcile.plan.compare.applied import rules_for
from kvmreconcile.plan.compare.cache import Lookups, Memo, View, keep, recall
from kvmreconcile.plan.compare.compare import Compared, compare, create
from kvmreconcile.plan.compare.completing import after_edit, with_completion
from kvmreconcile.plan.compare.ownership import conflict, is_ours, placeholder
from kvmreconcile.plan.compare.pauses import is_left, kept_still
from kvmreconcile.plan.compare.reasons import with_edits
from kvmreconcile.plan.gates.suspended import stop
from kvmreconcile.plan.lost_state import lost
from kvmreconcile.plan.order.needs import Needs, Rulebooks
from kvmreconcile.plan.order.uses import Users
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.scene import Scene
from kvmreconcile.plan.secrets.masks import mask
from kvmreconcile.tree import Change, Effect, is_satisfied_by
from kvmreconcile.tree.scalars import uuid as spelled

AGAIN = "it is observed again in the next pass"
_ONCE_ACTIVE = "it continues when {} is active"
ONCE_IDLE = "it continues when the job is done"
_SET = "set the disk's current source in the spec"
_COPIED = (
    f"{_SET}; or, if the spec names a volume, start the guest if it is off: the disk can be copied there "
    "when no other block job runs"
)
_BACK = f"{_SET}, or move the disk back by a block copy while the guest runs"


@dataclass(slots=True)
class Findings:
    """
    What is gathered about all objects before it becomes a plan.

    Attributes:
        foreign: What exists under a desired name and is not ours.
        to_be: What does not exist yet, so that what needs it cannot do without its being made.
        hidden: What cannot be seen before this plan starts something.
        crashes: What was raised while objects were compared.
        missing: Data that was complete once and is not seen now, with who uses it.
        at_rest: What may be changed while no window is open, as nobody is disturbed.
        suspended: What is to be left alone.
        blocked: What is not to be made or renamed now, as it is another object still.
        sound: What can be started with what is stored, whatever becomes of its edit.
        unusable: What cannot be made or used, because of its content or of this libvirt.
        lost: Objects among those in `suspended` that are held only because the state was lost.
        withheld: What holds an object's steps, from the first that changes a definition, until the plan is approved.
    """

    steps: dict[Key, tuple[Action, ...]] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    pending: dict[Key, tuple[Change, ...]] = field(default_factory=dict)
    in_sync: list[Key] = field(default_factory=list)
    records: list[Key] = field(default_factory=list)
    foreign: set[Key] = field(default_factory=set)
    to_be: set[Key] = field(default_factory=set)
    hidden: dict[Key, Unobservable] = field(default_factory=dict)
    at_rest: set[Key] = field(default_factory=set)
    suspended: dict[Key, HoldReason] = field(default_factory=dict)
    blocked: dict[Key, HoldReason] = field(default_factory=dict)
    sound: set[Key] = field(default_factory=set)
    unusable: dict[Key, HoldReason] = field(default_factory=dict)
    lost: set[Key] = field(default_factory=set)
    withheld: dict[Key, HoldReason] = field(default_factory=dict)
    missing: Users = field(default_factory=dict)
    crashes: dict[Key, Exception] = field(default_factory=dict)

    def take(self, other: "Findings") -> None:
        """Take over what else was found of objects about which there is nothing to do here."""
        self.steps |= other.steps
        self.pending |= other.pending
        self.at_rest |= other.at_rest

    def crash(self, desired: Desired, error: Exception) -> None:
        """Hold an object that could not be compared, and note why."""
        self.clear(desired.key)
        self.crashes[desired.key] = error
        frame = extract_tb(error.__traceback__)[-1]
        what = f"comparing it raised {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        todo = "report this as a bug; all other objects are still compared"
        self.held.append(Held(placeholder(desired), Hold.CRASHED, what, todo))

    def clear(self, key: Key) -> None:
        """Forget what was found to be done to an object, or held or pending of it."""
        self.steps.pop(key, None)
        self.pending.pop(key, None)
        self.held = [held for held in self.held if held.action.key != key]


def look(key: Key, scene: Scene, found: Findings) -> None:
    """Compare one desired object with the host and note what follows."""
    world, kinds, needs = scene.world, scene.kinds, scene.needs
    desired, actual = world.desired[key], world.observed.objects.get(key)
    hidden = world.observed.unobservable_part(key)
    why = _unseen(actual, hidden, world, found)
    if isinstance(actual, Unknown) or why:
        found.held.append(Held(placeholder(desired), Hold.UNKNOWN, why, once_seen(actual, hidden)))
        return
    if hidden and hidden.until:
        found.hidden[key] = hidden
    view = View(desired, actual, world.applied.get(key), hidden)
    is_out_of_sight = hidden is not None or (actual is None and _is_in_what_is_to_be(key, needs, found))
    if is_out_of_sight and (key in found.missing or (view.applied and view.applied.complete)):
        return  # It is there for all we know, and compared once it can be seen.
    _note_stops(key, world, kinds, needs, found)
    if _is_at_rest(view, kinds):
        found.at_rest.add(key)
    if actual is None:
        found.to_be.add(key)
    elif not is_ours(desired, actual, view.applied, world) and not _is_ours_again(view, kinds, needs, found):
        found.foreign.add(key)
        found.held.append(conflict(desired, actual, world))
        return
    _note(view, _memo(view, scene), world, found)


def _note_stops(key: Key, world: World, kinds: Rulebooks, needs: Needs, found: Findings) -> None:
    """Note what keeps everything from being done to an object, whatever is to be done."""
    found.lost |= {key} if (may_be := lost(key, world, kinds, needs)) else set()
    if stopped := stop(key, world) or may_be:
        found.suspended[key] = stopped


def _memo(view: View, scene: Scene) -> Memo:
    """Return what comparing an object gives: the earlier result while it holds, else a new one."""
    world, kind = scene.world, scene.kinds[view.desired.key.kind]
    memo = recall(view, kind, world, scene.cache)
    if memo is None:
        lookups = Lookups(world)
        compared = _compared(view, lookups, kind)
        withheld = (*_strayed(view, lookups, kind), *_unclear(view, compared))
        memo = Memo(view, kind, world.instance, lookups.asked, compared, withheld)
        keep(memo, scene.cache)
    return memo


def _is_at_rest(view: View, kinds: Rulebooks) -> bool:
    actual = view.actual
    if actual is None:
        return True
    is_off = kinds[actual.key.kind].has_power and not actual.active
    return is_off and not view.desired.policy.waits_when_off


def _is_in_what_is_to_be(key: Key, needs: Needs, found: Findings) -> bool:
    """Tell whether an object lies in another that does not exist now: its pool is gone, and not its file."""
    return any(key.name.startswith(f"{need.name}/") for need in needs.direct[key] & found.to_be)


def _unseen(
    actual: Actual | Unknown | None, hidden: Unobservable | None, world: World, found: Findings
) -> str:
    """Return why an object cannot be judged now, "" if it can, or will be once this plan is carried out."""
    if isinstance(actual, Unknown):
        return actual.why
    if hidden is None:
        return ""
    opens = hidden.until
    known = opens is not None and (opens in world.desired or opens in world.observed.objects)
    started = opens is not None and any(a.verb == START for a in found.steps.get(opens, ()))
    return "" if started or (opens and not known) else hidden.why


def once_seen(seen: Actual | Unknown | None, hidden: Unobservable | None) -> str:
    """Return what lets an object be judged that cannot be seen now."""
    return _ONCE_ACTIVE.format(hidden.until) if hidden and hidden.until and seen is None else AGAIN


def _is_ours_again(view: View, kinds: Rulebooks, needs: Needs, found: Findings) -> bool:
    """
    Tell whether an object without any mark is what its spec says, in a place that is ours.

    So what was remembered of volumes can be lost, and comes back without anything being done to them.
    """
    desired, actual, kind = view.desired, view.actual, kinds[view.desired.key.kind]
    if actual is None or actual.uuid or kind.stamped or view.applied:
        return False
    places = needs.direct[desired.key]
    ours = bool(places) and all(p in needs.direct and p not in found.foreign for p in places)
    return ours and is_satisfied_by(desired.tree, actual.tree, rules_for(desired, kind))


def _strayed(view: View, lookups: Lookups, kind: Rulebook) -> Iterator[Held]:
    """Yield what is not put back, since what was written since would be lost."""
    desired, actual = view.desired, view.actual
    if actual is None or desired.policy.apply is Apply.CREATE_ONLY:
        return
    before = view.applied.tree if view.applied else None
    release = _COPIED if desired.policy.copies else _BACK
    for part, stands, wanted in kind.strays(desired, actual, before, lookups.lookup):
        detail = (
            f"{part} uses {stands}, whose backing chain does not contain {wanted}; the disk is not changed"
        )
        yield Held(placeholder(desired), Hold.STRAYED, detail, release)


def _unclear(view: View, compared: Compared) -> Iterator[Held]:
    """Yield the lists in which nothing is changed, since it is not certain which member is which."""
    for each in compared.unclear:
        yield Held(placeholder(view.desired), Hold.AMBIGUOUS, each.detail, each.release)


def _note(view: View, memo: Memo, world: World, found: Findings) -> None:
    key, actual, compared, withheld = view.desired.key, view.actual, memo.compared, memo.withheld
    steps = with_edits(compared.actions, view, world.edits.get(key), memo.kind)
    if actual is not None and actual.job and steps:
        # A move that was begun earlier is the job itself, and is brought to its end.
        found.held += [Held(a, Hold.BUSY, actual.job, ONCE_IDLE) for a in steps if not a.verb.spans_passes]
        found.steps[key] = tuple(a for a in steps if a.verb.spans_passes)
        return
    if obstacle := world.obstacles.get(key):
        found.unusable[key] = HoldReason(Hold.CONTENT, obstacle.why, obstacle.todo)
    actions, halted = kept_still(
        steps, view.desired, actual, view.applied, ManualCommands(world.commands, memo.kind.commands)
    )
    found.held += (*withheld, *halted)
    if compared.pending:
        found.pending[key] = compared.pending
    if actions:
        found.steps[key] = actions
    elif key in found.unusable:
        found.held.append(found.unusable[key].on(placeholder(view.desired)))
    elif not withheld and not halted:
        found.in_sync.append(key)
    if key not in found.lost and (compared.stale or (not actions and _is_news(view))):
        found.records.append(key)


def _is_news(view: View) -> bool:
    """Tell whether an object stays off, or no longer does, and nobody has written that down."""
    applied, actual = view.applied, view.actual
    return bool(applied and actual and is_left(view.desired, actual, applied) != applied.left)


def _compared(view: View, lookups: Lookups, kind: Rulebook) -> Compared:
    desired, actual, applied = view.desired, view.actual, view.applied
    around = _surroundings(desired, actual, lookups)
    if actual is None:
        if applied and not applied.complete and view.hidden:
            return _made_anew(view, applied, kind, around)
        reason = Reason.NEW if applied is None else Reason.DRIFT if applied.complete else Reason.UNFINISHED
        made = create(desired, kind, around, reason)
        return made if applied and applied.complete else with_completion(made, desired, kind)
    if applied and not applied.complete:
        if not kind.has_power:
            return _made_anew(view, applied, kind, around)
        known = applied if kind.completing else None
        return with_completion(compare(desired, actual, known, kind, around), desired, kind)
    if desired.policy.apply is Apply.CREATE_ONLY and applied:
        return Compared()
    return after_edit(compare(desired, actual, applied, kind, around), desired, kind)


def _made_anew(view: View, applied: Applied, kind: Rulebook, around: Surroundings) -> Compared:
    """
    Return the steps that make again what an earlier run left half made.

    What it left may be the whole of an older object, which it was allowed to replace by just what the spec
    then said. If the spec says something else now, nobody has agreed to the loss.
    """
    compared = create(view.desired, kind, around, Reason.UNFINISHED)
    if applied.tree == mask(view.desired.tree, rules_for(view.desired, kind)):
        return compared
    return Compared(tuple(replace(a, effect=Effect.DATA_LOSS) for a in compared.actions))


def _surroundings(desired: Desired, actual: Actual | None, lookups: Lookups) -> Surroundings:
    uuid = spelled(desired.tree.get("uuid") or (actual.uuid if actual else "") or desired.uuid)
    stamp = Stamp(lookups.world.instance, str(desired.key), uuid)
    return Surroundings(uuid, stamp, desired.plain, lookups.lookup)
