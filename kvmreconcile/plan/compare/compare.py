"""
One object: what its spec wants beside what it is, and the steps from the one to the other.

Separate from the planner, which knows all objects but nothing about any. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Actual, Applied, Desired, Reason, Surroundings
from kvmreconcile.model.verbs import CREATE, DEFINE, MOVE, OWN, RECREATE, STOP
from kvmreconcile.plan.compare.ambiguous import Certain, Unclear
from kvmreconcile.plan.compare.applied import (
    digest,
    earlier,
    fingerprint,
    in_force,
    is_live_mark,
    live_mark,
    rules_for,
    seal,
)
from kvmreconcile.plan.compare.live import lacking
from kvmreconcile.plan.compare.pending import outstanding, unseen
from kvmreconcile.plan.compare.refused_parts import undone
from kvmreconcile.plan.compare.steps import Job, after_birth, by_rows, steps_for
from kvmreconcile.plan.gates.windows import at_any_time
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.paths import still_secret
from kvmreconcile.tree import Change, Effect, Node, diff, overlay
from kvmreconcile.tree.running import is_invisible
from kvmreconcile.tree.variants import for_new


@dataclass(frozen=True, slots=True)
class Compared:
    """
    What comparing one object gave.

    Attributes:
        actions: In the order they must be done.
        pending: Stored or to be stored, and in force only after the object's next start.
        stale: Whether what is remembered of it must be refreshed though nothing is to be done.
        unclear: Lists in which nothing is changed, since it is not certain which member is which.
    """

    actions: tuple[Action, ...] = ()
    pending: tuple[Change, ...] = ()
    stale: bool = False
    unclear: tuple[Unclear, ...] = ()


def create(desired: Desired, kind: Rulebook, around: Surroundings, reason: Reason) -> Compared:
    """Return the steps that make an object which does not exist, or which an earlier run left half made."""
    rules = for_new(rules_for(desired, kind))
    born = overlay(rules.creation_default("", desired.tree), desired.tree, rules)
    whole = kind.complete(replace(born, tag=kind.root), around)
    base = Action(desired.key, CREATE, Effect.LIVE, reason, policy=desired.policy)
    again = reason is Reason.UNFINISHED and not kind.redefines_whole
    verb = RECREATE if again else CREATE
    added = (Change((), "", None, whole, rules.secrets),)
    notes = tuple(kind.notes(whole))
    steps = [
        replace(base, verb=verb, tree=whole, changes=added, content=desired.creation.content, notes=notes)
    ]
    if kind.has_lifecycle:
        steps.extend(after_birth(desired, None, base))
    return Compared(tuple(steps))


def compare(
    desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook, around: Surroundings
) -> Compared:
    """Return the steps that bring an existing object of ours to what its spec says."""
    rules, named = rules_for(desired, kind), digest(desired, kind.rules)
    known = {s.fingerprint for s in applied.settled} if applied else set()
    migrations = _migrations(desired, actual, kind, around)
    sure = in_force(desired, actual, earlier(applied, named), kind)
    proposed, changes, answered = _stored(sure, actual, kind, around, known)
    reason = _reason(applied, named)
    if applied and reason is Reason.DRIFT and _is_edited_secret(changes, desired, applied, kind):
        reason = Reason.EDIT
    is_named = reason is Reason.ADOPT and all(is_invisible(c, proposed, rules) for c in changes)
    marks, changes = (changes, []) if is_named else ([], changes)
    base = Action(
        desired.key, DEFINE, Effect.LIVE, reason, policy=desired.policy, content=desired.creation.content
    )
    pending: tuple[Change, ...] = ()
    outdated = False
    if kind.redefines_whole:
        runs = lacking(sure.desired, actual, sure.live, sure.before, rules)
        marked = {live_mark(c): c for c in runs.changes}
        live = tuple(c for mark, c in marked.items() if mark not in known and not _is_answered(c, answered))
        fresh = changes if reason is not Reason.DRIFT else []
        told = {c.steps for c in live}
        waiting = tuple(c for c in unseen(actual, applied, fresh, rules) if c.steps not in told)
        job = Job(sure.desired, actual, rules, base, proposed, changes, replace(runs, changes=live), waiting)
        actions, pending = steps_for(job)
        # A guest that took its time to follow has followed; should it turn back, that is drift.
        outdated = any(is_live_mark(mark) and mark not in marked for mark in known)
        actions += tuple(_moving(migrations, actions, base))
    else:
        actions = tuple(by_rows(changes, actual.tree, proposed, rules, base))
    if undone(desired, actual, rules) is not actual.tree:
        actions = tuple(_putting_back(a) if a.verb.edits else a for a in actions)
    if not any(action.verb.edits for action in actions):
        own = Action(desired.key, OWN, Effect.LIVE, Reason.ADOPT, tuple(marks), policy=desired.policy)
        actions = (*_owning(actual, proposed if marks else actual.tree, kind, around, own), *actions)
    over = applied is not None and outstanding(applied, actual, rules) != applied.pending
    # One that is off and never was complete becomes so when it is started.
    is_finished = applied is not None and (applied.complete or (bool(kind.completing) and not actual.active))
    over = over or (applied is not None and applied.secrets != still_secret(desired, actual, kind.rules))
    is_new = applied is None or not is_finished or (applied.digest != named and not sure.unclear)
    stale = (outdated or over or is_new) and not actions
    return Compared(actions, pending, stale, sure.unclear)


def _stored(
    sure: Certain, actual: Actual, kind: Rulebook, around: Surroundings, known: set[str]
) -> tuple[Node, list[Change], list[Change]]:
    """Return the definition to be stored, by what it differs from the one that is, and what libvirt keeps otherwise."""
    proposed, rules = sure.proposed, rules_for(sure.desired, kind)
    changes, answered = _unsettled(diff(actual.tree, proposed, rules), known)
    if changes or not actual.persistent:
        # Only now, so that what is settled is never the reason to complete what then differs again.
        proposed = kind.complete(proposed, around)
        changes, answered = _unsettled(diff(actual.tree, proposed, rules), known)
    if not actual.persistent:
        changes.insert(0, Change(("persistent",), "persistent", "no", "yes"))
    return proposed, changes, answered


def _putting_back(action: Action) -> Action:
    """Return a step that takes back what libvirt refused, which waits for nothing: it was allowed with the edit."""
    return replace(action, reason=Reason.ROLLBACK, policy=at_any_time(action.policy))


def _migrations(desired: Desired, actual: Actual, kind: Rulebook, around: Surroundings) -> tuple[Change, ...]:
    """Return a change for each part whose data is to be copied while the object runs."""
    if kind.relocation is None:
        return ()
    return tuple(kind.relocation.find_migrations(desired, actual, around.lookup))


def _moving(migrations: Iterable[Change], others: Iterable[Action], base: Action) -> Iterator[Action]:
    """Yield an action for each migration; none if the object is stopped, since they need it to run."""
    if not any(action.verb == STOP for action in others):
        for change in migrations:
            yield replace(base, verb=MOVE, steps=change.steps[:-1], changes=(change,))


def _owning(
    actual: Actual, definition: Node, kind: Rulebook, around: Surroundings, own: Action
) -> Iterator[Action]:
    """
    Yield the step that writes our marks into an object, unless it bears them already.

    Args:
        definition: The object's own, with the names of its members where those are written too.
    """
    # The mark names the UUID that the object has, whatever its spec says.
    mark = replace(around.stamp, uuid=actual.uuid)
    if kind.stamped and (own.changes or actual.stamp != mark):
        yield replace(own, tree=kind.complete(definition, replace(around, stamp=mark)))


def _reason(applied: Applied | None, named: str) -> Reason:
    if applied is None:
        return Reason.ADOPT
    if applied.digest == named:
        return Reason.DRIFT
    # What failed or was cut short is tried again for the same reason, unless the spec was edited since.
    begun = applied.begun
    return Reason[begun.reason] if begun and begun.digest == named else Reason.EDIT


def _is_edited_secret(changes: Iterable[Change], desired: Desired, applied: Applied, kind: Rulebook) -> bool:
    """Tell whether secret values differ because the spec has others than before, of which a digest says nothing."""
    is_known = applied.sealed != "" and any(change.is_secret for change in changes)
    return is_known and seal(desired, kind.rules) != applied.sealed


def _unsettled(changes: Iterable[Change], known: set[str]) -> tuple[list[Change], list[Change]]:
    """Split changes of a stored definition into those to be made and those that libvirt keeps otherwise."""
    split: dict[bool, list[Change]] = {False: [], True: []}
    for change in changes:
        split[fingerprint(change) in known].append(change)
    return split[False], split[True]


def _is_answered(live: Change, answered: Iterable[Change]) -> bool:
    """Tell whether libvirt does not store a value, or the running object has what it stores instead: no start helps."""
    return any(
        live.steps[: len(c.steps)] == c.steps
        if c.old is None
        else (c.steps, c.old, c.new) == (live.steps, live.old, live.new)
        for c in answered
    )
