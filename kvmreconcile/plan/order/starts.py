"""Order the starts of guests, and add readiness checks after starts and edits. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Action, Desired, Held, Hold, Key, Power, Reason, World
from kvmreconcile.model.verbs import READY
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.groups import following_steps
from kvmreconcile.tree import Effect

_EDITS = frozenset({Reason.EDIT, Reason.ROLLBACK})


@dataclass(slots=True)
class _Queue:
    """The ordered steps so far, and the held steps."""

    world: World
    actions: list[Action] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)

    def runs(self, key: Key) -> bool:
        """Return whether an object runs after the steps in the queue."""
        return _is_running(key, self.world) or any(
            a.key == key and (a.verb.boots or a.verb.resumes) for a in self.actions
        )

    def first(self, key: Key) -> tuple[Key, ...]:
        """Return the objects that should run before an object is started."""
        desired = self.world.desired
        return tuple(k for k in desired[key].after if k in desired and desired[k].power is Power.RUNNING)


def order_starts(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """
    Add readiness checks to starts, and hold starts whose prerequisites are not known to run.

    A prerequisite that already runs is checked for readiness as well, since a running guest may not
    be ready.

    Args:
        actions: The steps of the plan, in order. An object comes after its prerequisites.
    """
    queue = _Queue(context.world)
    stopped: set[int] = set()
    for action in actions:
        if id(action) in stopped:
            continue
        if not action.verb.boots:
            queue.actions.append(action)
        elif lacking := next((key for key in queue.first(action.key) if not queue.runs(key)), None):
            waits = following_steps(action, actions)
            stopped |= {id(a) for a in waits}
            detail, release = (
                f"{lacking} is not known to run",
                f"wait until {lacking} runs",
            )
            queue.held += [Held(a, Hold.ORDER, detail, release) for a in waits]
        else:
            _start(action, queue)
    return queue.actions, queue.held


def _start(action: Action, queue: _Queue) -> None:
    """Add a step that starts a guest, and the readiness checks before and after it."""
    first = queue.first(action.key)
    for key in first:
        _add_probe(key, action, queue)
    queue.actions.append(replace(action, after=first))
    if action.policy.lifecycle.ready:
        queue.actions.append(replace(action, verb=READY, effect=Effect.LIVE, changes=(), tree=None))


def with_readiness_checks(
    actions: Sequence[Action], world: World, on_probation: Collection[Key]
) -> Iterator[Action]:
    """
    Yield the steps, with a readiness check after each edit that may be rolled back.

    Args:
        on_probation: Objects with an edit of an earlier pass that has not passed its readiness
            check.
    """
    last = {action.key: action for action in actions}
    waited = {action.key for action in actions if action.verb.probes}
    edited = {action.key for action in actions if action.policy.lifecycle.rollback and _is_felt(action)}
    running = {action.key for action in readiness_probes(world)} - waited
    for action in actions:
        yield action
        if action is last[action.key] and action.key in running & (edited | {*on_probation}):
            yield _waiting(world.desired[action.key], action.reason)
    for key in sorted(running & {*on_probation} - last.keys()):
        yield _waiting(world.desired[key], Reason.EDIT)


def _is_felt(action: Action) -> bool:
    """
    Return whether a step belongs to an edit or rollback, and affects a running object.

    A change that is only stored has no effect before the next start.
    """
    return action.reason in _EDITS and action.effect is not Effect.NEXT_BOOT


def _waiting(desired: Desired, reason: Reason) -> Action:
    return Action(desired.key, READY, Effect.LIVE, reason, policy=desired.policy)


def _add_probe(key: Key, starting: Action, queue: _Queue) -> None:
    """Add a readiness check of a prerequisite to the queue, unless there is one already."""
    if not queue.world.desired[key].policy.lifecycle.ready:
        return
    if not any(a.key == key and a.verb.probes for a in queue.actions):
        queue.actions.append(_probe_at_once(queue.world.desired[key], starting.reason))


def _probe_at_once(desired: Desired, reason: Reason) -> Action:
    """Return a readiness check of an object without its initial delay."""
    lifecycle = desired.policy.lifecycle
    now = replace(lifecycle.ready, delay_s=0.0) if lifecycle.ready else None
    policy = replace(desired.policy, lifecycle=replace(lifecycle, ready=now))
    return _waiting(replace(desired, policy=policy), reason)


def readiness_probes(world: World) -> Iterator[Action]:
    """Yield readiness checks, without initial delay, of all guests that run and should run."""
    for key, desired in world.desired.items():
        is_to_run = desired.policy.lifecycle.ready and desired.power is Power.RUNNING
        if is_to_run and _is_running(key, world):
            yield _probe_at_once(desired, Reason.DRIFT)


def _is_running(key: Key, world: World) -> bool:
    actual = world.observed.actual(key)
    return actual is not None and actual.active and actual.state_reason is None
