"""Compare one object with its spec, and return the steps that remove the differences. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Actual, Applied, Desired, Reason, Surroundings
from kvmreconcile.model.verbs import CREATE, DEFINE, MOVE, OWN, RECREATE, STOP
from kvmreconcile.plan.compare.ambiguous import AmbiguousList, Certain
from kvmreconcile.plan.compare.digests import digest, fingerprint, is_live_mark, live_mark, seal
from kvmreconcile.plan.compare.in_force import earlier_tree, in_force, rules_for
from kvmreconcile.plan.compare.live import Running, compare_running
from kvmreconcile.plan.compare.pending import find_unobservable_pending, still_pending
from kvmreconcile.plan.compare.refused_parts import without_refused
from kvmreconcile.plan.compare.steps import Job, steps_after_creation, steps_by_rows, steps_for
from kvmreconcile.plan.gates.windows import without_windows
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.paths import still_secret
from kvmreconcile.tree import Change, Effect, Node, Rules, diff, overlay
from kvmreconcile.tree.running import is_invisible
from kvmreconcile.tree.variants import for_new


@dataclass(frozen=True, slots=True)
class Compared:
    """
    The result of comparing one object with its spec.

    Attributes:
        actions: The steps on the object, in order.
        pending: Changes that take effect at the object's next start, stored already or by a step.
        stale: Whether the state record must be updated although no step is needed.
        unclear: Lists that are not changed, since their members cannot be matched reliably.
    """

    actions: tuple[Action, ...] = ()
    pending: tuple[Change, ...] = ()
    stale: bool = False
    unclear: tuple[AmbiguousList, ...] = ()


def steps_to_create(desired: Desired, kind: Rulebook, around: Surroundings, reason: Reason) -> Compared:
    """Return the steps that create an object or repeat its interrupted creation."""
    rules = for_new(rules_for(desired, kind))
    whole = overlay(rules.creation_default("", desired.tree), desired.tree, rules)
    whole = kind.complete(replace(whole, tag=kind.root), around)
    base = Action(desired.key, CREATE, Effect.LIVE, reason, policy=desired.policy)
    again = reason is Reason.UNFINISHED and not kind.redefines_whole
    verb = RECREATE if again else CREATE
    added = (Change((), "", None, whole, rules.secrets),)
    notes = tuple(kind.notes(whole))
    steps = [
        replace(base, verb=verb, tree=whole, changes=added, content=desired.creation.content, notes=notes)
    ]
    if kind.has_lifecycle:
        steps.extend(steps_after_creation(desired, None, base))
    return Compared(tuple(steps))


def compare(
    desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook, around: Surroundings
) -> Compared:
    """Return the steps that bring an existing object of ours in line with its spec."""
    rules, named = rules_for(desired, kind), digest(desired, kind.rules)
    known = frozenset(s.fingerprint for s in applied.settled) if applied else frozenset[str]()
    sure = in_force(desired, actual, earlier_tree(applied, named), kind)
    stored = _stored(sure, actual, kind, around, known)
    reason = _reason(stored.changes, desired, applied, named, kind)
    # At adoption, changes that the guest does not notice are written together with our mark.
    is_named = reason is Reason.ADOPT and all(is_invisible(c, stored.proposed, rules) for c in stored.changes)
    marks, stored = (stored.changes, replace(stored, changes=())) if is_named else ((), stored)
    base = Action(
        desired.key, DEFINE, Effect.LIVE, reason, policy=desired.policy, content=desired.creation.content
    )
    if kind.redefines_whole:
        migrations = _migrations(desired, actual, kind, around)
        runs = compare_running(sure.desired, actual, sure.live, sure.before, rules)
        live = _unsettled_live(runs.changes, stored.answered, known)
        waiting = _waiting(stored.changes if reason is not Reason.DRIFT else (), live, actual, applied, rules)
        lacks = replace(runs, changes=live)
        job = Job(sure.desired, actual, rules, base, stored.proposed, stored.changes, lacks, waiting)
        actions, pending = steps_for(job)
        actions += tuple(_moving(migrations, actions, base))
    else:
        runs, pending = Running(actual.tree), ()
        actions = tuple(steps_by_rows(stored.changes, actual.tree, stored.proposed, rules, base))
    if without_refused(desired, actual, rules) is not actual.tree:
        actions = tuple(_putting_back(a) if a.verb.edits else a for a in actions)
    if not any(action.verb.edits for action in actions):
        own = Action(desired.key, OWN, Effect.LIVE, Reason.ADOPT, marks, policy=desired.policy)
        actions = (*_owning(actual, stored.proposed if marks else actual.tree, kind, around, own), *actions)
    is_stale = not actions and (
        (kind.redefines_whole and _has_followed(runs, known))
        or _is_record_stale(desired, actual, applied, kind)
        or (applied is not None and applied.digest != named and not sure.unclear)
    )
    return Compared(actions, pending, is_stale, sure.unclear)


@dataclass(frozen=True, slots=True)
class _Stored:
    """
    The planned change of an object's stored definition.

    Attributes:
        proposed: The definition to be stored.
        changes: The differences between the stored definition and `proposed`.
        answered: Requested changes for which libvirt has stored a different value.
    """

    proposed: Node
    changes: tuple[Change, ...]
    answered: tuple[Change, ...]


def _stored(
    sure: Certain, actual: Actual, kind: Rulebook, around: Surroundings, known: frozenset[str]
) -> _Stored:
    proposed, rules = sure.proposed, rules_for(sure.desired, kind)
    changes, answered = _unsettled(diff(actual.tree, proposed, rules), known)
    if changes or not actual.persistent:
        # Completed only if there are changes, so that a settled change alone causes no step.
        proposed = kind.complete(proposed, around)
        changes, answered = _unsettled(diff(actual.tree, proposed, rules), known)
    if not actual.persistent:
        changes.insert(0, Change(("persistent",), "persistent", "no", "yes"))
    return _Stored(proposed, tuple(changes), tuple(answered))


def _waiting(
    edited: Iterable[Change], live: Iterable[Change], actual: Actual, applied: Applied | None, rules: Rules
) -> tuple[Change, ...]:
    """Return the pending changes of an object that are not visible in its running definition."""
    shown = {c.steps for c in live}
    return tuple(c for c in find_unobservable_pending(actual, applied, edited, rules) if c.steps not in shown)


def _unsettled_live(
    changes: Iterable[Change], answered: Iterable[Change], known: frozenset[str]
) -> tuple[Change, ...]:
    """Return the changes to make to a running object, except where libvirt keeps another value."""
    marked = {live_mark(c): c for c in changes}
    return tuple(c for mark, c in marked.items() if mark not in known and not _is_answered(c, answered))


def _has_followed(runs: Running, known: frozenset[str]) -> bool:
    """
    Return whether a guest has completed a change that it makes with a delay.

    The caller then updates the state record, so that a later change of the value counts as drift.
    """
    marks = {live_mark(c) for c in runs.changes}
    return any(is_live_mark(mark) and mark not in marks for mark in known)


def _is_record_stale(desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook) -> bool:
    """Return whether a state record is out of date, regardless of the digest of its spec."""
    if applied is None or still_pending(applied, actual, rules_for(desired, kind)) != applied.pending:
        return True
    # An inactive object that has never been complete becomes complete when it is started.
    is_finished = applied.complete or (bool(kind.completing) and not actual.active)
    return not is_finished or applied.secrets != still_secret(desired, actual, kind.rules)


def _putting_back(action: Action) -> Action:
    """
    Return a step as the rollback of a change that libvirt refused.

    The rollback needs no maintenance window, since it was allowed together with the edit.
    """
    return replace(action, reason=Reason.ROLLBACK, policy=without_windows(action.policy))


def _migrations(desired: Desired, actual: Actual, kind: Rulebook, around: Surroundings) -> tuple[Change, ...]:
    """Return a change for each disk whose data must be copied while the object runs."""
    if kind.relocation is None:
        return ()
    return tuple(kind.relocation.find_migrations(desired, actual, around.lookup))


def _moving(migrations: Iterable[Change], others: Iterable[Action], base: Action) -> Iterator[Action]:
    """
    Yield an action for each disk migration.

    Yields none if `others` stop the object, since a copy needs a running guest.
    """
    if not any(action.verb == STOP for action in others):
        for change in migrations:
            yield replace(base, verb=MOVE, steps=change.steps[:-1], changes=(change,))


def _owning(
    actual: Actual, definition: Node, kind: Rulebook, around: Surroundings, own: Action
) -> Iterator[Action]:
    """
    Yield the step that writes our ownership mark into an object, unless it has the mark already.

    Args:
        definition: The definition to store with the mark.
        own: The step, without a definition.
    """
    # The mark contains the object's actual UUID, even if the spec has another UUID.
    mark = replace(around.ownership_mark, uuid=actual.uuid)
    if kind.has_ownership_mark and (own.changes or actual.ownership_mark != mark):
        yield replace(own, tree=kind.complete(definition, replace(around, ownership_mark=mark)))


def _reason(
    changes: Iterable[Change], desired: Desired, applied: Applied | None, named: str, kind: Rulebook
) -> Reason:
    """Return why the stored definition of an object changes. `named`: the digest of its spec."""
    if applied is None:
        return Reason.ADOPT
    # A step that failed or was interrupted is repeated for the same reason, unless the spec was edited since.
    begun = applied.begun
    again = Reason[begun.reason] if begun and begun.digest == named else Reason.EDIT
    reason = Reason.DRIFT if applied.digest == named else again
    is_edit = reason is Reason.DRIFT and _is_edited_secret(changes, desired, applied, kind)
    return Reason.EDIT if is_edit else reason


def _is_edited_secret(changes: Iterable[Change], desired: Desired, applied: Applied, kind: Rulebook) -> bool:
    """Return whether the secret values of a spec were edited. They are not part of its digest."""
    is_known = applied.sealed != "" and any(change.is_secret for change in changes)
    return is_known and seal(desired, kind.rules) != applied.sealed


def _unsettled(changes: Iterable[Change], known: frozenset[str]) -> tuple[list[Change], list[Change]]:
    """
    Split the changes of a stored definition.

    Returns the changes to make, and the changes for which libvirt keeps another value.
    """
    split: dict[bool, list[Change]] = {False: [], True: []}
    for change in changes:
        split[fingerprint(change) in known].append(change)
    return split[False], split[True]


def _is_answered(live: Change, answered: Iterable[Change]) -> bool:
    """
    Return whether a start would not make a change of a running object effective.

    That is so if libvirt does not store the value, or if the object runs with the stored value.
    """
    return any(
        live.steps[: len(c.steps)] == c.steps
        if c.old is None
        else (c.steps, c.old, c.new) == (live.steps, live.old, live.new)
        for c in answered
    )
