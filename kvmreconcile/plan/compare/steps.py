"""Map the changes of one object to the steps that make them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Actual, Desired, Power, Reason
from kvmreconcile.model.verbs import (
    AUTOSTART,
    DEFINE,
    NO_AUTOSTART,
    REPLACE,
    RESTART,
    RESUME,
    START,
    START_PAUSED,
    STOP,
    SUSPEND,
    Verb,
    verb_of,
)
from kvmreconcile.plan.compare.live import Running
from kvmreconcile.plan.gates.windows import highest_effect
from kvmreconcile.tree import Change, Effect, Node, Rules, Update, locate, overlay

_RECREATE = Update(REPLACE.name, effect=Effect.REPLACE)
"""The default row, for a change that no table row matches."""
_POWER: Mapping[tuple[Power, Power], Verb] = {
    (Power.STOPPED, Power.RUNNING): START,
    (Power.STOPPED, Power.PAUSED): START_PAUSED,
    (Power.RUNNING, Power.STOPPED): STOP,
    (Power.PAUSED, Power.STOPPED): STOP,
    (Power.RUNNING, Power.PAUSED): SUSPEND,
    (Power.PAUSED, Power.RUNNING): RESUME,
}
"""The verb by the actual and the desired state of an object."""


@dataclass(frozen=True, slots=True)
class Job:
    """
    The planned changes of one object of a kind whose definitions are stored as a whole.

    Attributes:
        base: The fields that all steps on the object share.
        proposed: The definition to be stored.
        stored: The differences between the stored definition and `proposed`.
        running: The differences between the running object and the spec.
        remembered: The pending changes that are not visible in the running definition.
    """

    desired: Desired
    actual: Actual
    rules: Rules
    base: Action
    proposed: Node
    stored: Sequence[Change]
    running: Running
    remembered: tuple[Change, ...]


def steps_for(job: Job) -> tuple[tuple[Action, ...], tuple[Change, ...]]:
    """Return the steps on an object, and the changes that are pending after these steps."""
    desired, actual, base = job.desired, job.actual, job.base
    hot, pending = split_by_effect(job.running, job.rules)
    pending += job.remembered
    heavy = max((_stored_effect(c, actual.tree, job.rules) for c in job.stored), default=Effect.LIVE)
    if job.stored and heavy >= Effect.REPLACE:
        replacement = replace(base, verb=REPLACE, effect=heavy, tree=job.proposed, changes=tuple(job.stored))
        return (replacement, *steps_after_creation(desired, actual, replacement)), ()
    steps = [*_define(job, hot, pending)]
    if desired.autostart is not None and desired.autostart != actual.autostart:
        steps.append(replace(base, verb=AUTOSTART if desired.autostart else NO_AUTOSTART))
    power = _power(desired, actual)
    if power in (START, START_PAUSED, STOP):
        return (*steps, replace(base, verb=power)), () if power == STOP else pending
    # Only a running guest notices a live change.
    steps += [replace(base, verb=RESUME)] if power == RESUME else []
    wanted = overlay(job.proposed, desired.tree, job.rules)
    hot = [*hot, *reboot_changes(job, pending)]
    steps += steps_by_rows(hot, job.running.definition, wanted, job.rules, base)
    # A guest that stays paused cannot be shut down, and a restart would let it run.
    stays_paused = actual.state_reason is not None and power != RESUME
    if pending and not stays_paused and highest_effect(desired.policy) >= Effect.RESTART:
        steps.append(replace(base, verb=RESTART, effect=Effect.RESTART, changes=pending))
    steps += [replace(base, verb=SUSPEND)] if power == SUSPEND else []
    return tuple(steps), pending


def _power(desired: Desired, actual: Actual) -> Verb | None:
    """Return the verb that brings an object to its desired state, or None if none is needed."""
    now = Power.STOPPED if not actual.active else Power.PAUSED if actual.state_reason else Power.RUNNING
    return _POWER.get((now, desired.power)) if desired.power else None


def _define(job: Job, hot: Sequence[Change], pending: Sequence[Change]) -> Iterator[Action]:
    if job.stored:
        shown = tuple(c for c in job.stored if not any(_alike(c, h) for h in hot))
        waits = any(_alike(c, p) for c in shown for p in pending)
        effect = Effect.NEXT_BOOT if waits else Effect.LIVE
        yield replace(job.base, verb=DEFINE, effect=effect, tree=job.proposed, changes=shown)


def steps_after_creation(desired: Desired, actual: Actual | None, base: Action) -> Iterator[Action]:
    """
    Yield the steps that follow the creation of an object: set autostart and start it.

    Args:
        actual: The object that is replaced, None for a new object. The new object gets its
            autostart and state where the spec does not set them.
    """
    bare = replace(base, tree=None, changes=(), content=None)
    if desired.autostart or (desired.autostart is None and actual and actual.autostart):
        yield replace(bare, verb=AUTOSTART)
    if desired.power is Power.PAUSED:
        yield replace(bare, verb=START_PAUSED)
    elif desired.power is Power.RUNNING or (desired.power is None and actual and actual.active):
        yield replace(bare, verb=START)


def reboot_changes(job: Job, pending: Sequence[Change]) -> Iterator[Change]:
    """
    Yield changes of what libvirt does when the guest reboots.

    While changes are pending, a reboot powers the guest off, so that it is started again with the
    changes. Afterwards the value from the spec is restored. Only guests that should run get these
    changes.
    """
    live = job.actual.live
    if (
        live is None
        or not job.desired.policy.lifecycle.reboot_applies
        or job.desired.power is not Power.RUNNING
    ):
        return
    for path, off in job.rules.rebooting.rows:
        now, wanted = live.get(path), off if pending else job.proposed.get(path)
        if wanted is not None and now != wanted:
            yield Change((path,), path, now, wanted)


def _alike(one: Change, other: Change) -> bool:
    return one.rule == other.rule and one.sign == other.sign and one.steps[-1:] == other.steps[-1:]


def split_by_effect(runs: Running, rules: Rules) -> tuple[list[Change], tuple[Change, ...]]:
    """
    Split the changes of a running object.

    Returns the changes that a verb can make now, and the changes that wait for the next start.
    """
    rows = [(change, row_for(change, runs.definition, rules)) for change in runs.changes]
    cold = [change for change, row in rows if not _is_hot(row)]
    hot = [change for change, row in rows if row and _is_hot(row) and not _must_wait(change, row, cold)]
    hot = [change for change in hot if not _is_taken(change, cold, rules)]
    return hot, tuple(change for change in runs.changes if change not in hot)


def _must_wait(change: Change, row: Update, cold: Sequence[Change]) -> bool:
    """
    Return whether a change depends on a change of the same element that waits for the next start.

    Args:
        cold: The changes that wait for the next start.
    """
    depth = row.at.count("/") + 1 if row.at else 0
    return any(c.rule == row.after and c.steps[:depth] == change.steps[:depth] for c in cold)


def _is_taken(change: Change, cold: Sequence[Change], rules: Rules) -> bool:
    """
    Return whether a new list member has a key that a running member keeps until the next start.

    Args:
        cold: The changes that wait for the next start.
    """
    members, new = rules.members.get(change.rule), change.new
    if members is None or change.old is not None or not isinstance(new, Node):
        return False
    keys = {f"{change.rule}/{key[0]}": new.get(key[0]) for key in members.keys if len(key) == 1}
    return any(c.sign == "~" and c.rule in keys and c.old == keys[c.rule] for c in cold)


def _is_hot(row: Update | None) -> bool:
    return row is not None and row.effect is Effect.LIVE


def row_for(change: Change, definition: Node, rules: Rules, *, is_drift: bool = False) -> Update | None:
    """
    Return the first row of the table that matches a change of a definition, or None.

    Args:
        is_drift: Whether the change corrects drift. Rows that apply only to edits are then skipped.
    """
    for rows in rules.actions.all(change.rule):
        for row in rows:
            is_meant = change.sign in row.on and not (is_drift and row.edits_only)
            if is_meant and (row.when is None or row.when(change, definition)):
                return row
    return None


def _stored_effect(change: Change, definition: Node, rules: Rules) -> Effect:
    row = row_for(change, definition, rules)
    return row.effect if row else Effect.LIVE


def steps_by_rows(
    changes: Iterable[Change], definition: Node, proposed: Node, rules: Rules, base: Action
) -> Iterator[Action]:
    """
    Yield the steps that make changes of a definition, one step for each verb and element.

    Changes that must be made after other changes come last.
    """
    is_drift = base.reason is Reason.DRIFT
    rows = [(c, row_for(c, definition, rules, is_drift=is_drift) or _RECREATE) for c in changes]
    # An object is recreated at most once, with the largest effect of all changes that require it.
    heavy = max((row.effect for _, row in rows), default=Effect.LIVE)
    groups: dict[tuple[str, tuple[str, ...], Effect], list[Change]] = {}
    for change, row in sorted(rows, key=lambda pair: bool(pair[1].after)):
        whole = row.effect >= Effect.REPLACE
        depth = 0 if whole else row.at.count("/") + 1 if row.at else len(change.steps)
        effect = heavy if whole else row.effect
        if row.verb:
            groups.setdefault((row.verb, change.steps[:depth], effect), []).append(change)
    for (name, steps, effect), group in groups.items():
        tree = _element(group, steps, proposed, rules)
        yield replace(base, verb=verb_of(name), steps=steps, effect=effect, tree=tree, changes=tuple(group))


def _element(changes: list[Change], steps: tuple[str, ...], proposed: Node, rules: Rules) -> Node | None:
    """Return the element that a verb needs: the element to remove, else the desired element."""
    first = changes[0]
    if first.steps == steps and isinstance(first.old, Node) and first.new is None:
        return first.old
    if first.steps == steps and isinstance(first.new, Node):
        return first.new
    elements = tuple(s for s in steps if not s.startswith("@"))
    return locate(proposed, elements, rules)
