"""
Guests that are started: in which order, and each waited for until it does its work, where its spec says so.

Separate from the steps of one object, because it is decided only once it is known which steps may be done. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Action, Actual, Desired, Held, Hold, Key, Power, Reason, World
from kvmreconcile.plan.groups import onward
from kvmreconcile.tree import Effect

_STARTS = frozenset({"start", "restart"})
"""Verbs after which a guest boots."""
_GOES = _STARTS | {"resume"}
"""Verbs after which a guest runs."""
_READY = "ready"


@dataclass(slots=True)
class _Queue:
    """Steps in their order, so far."""

    world: World
    actions: list[Action] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)

    def does(self, key: Key, verbs: frozenset[str]) -> bool:
        return any(a.key == key and a.verb in verbs for a in self.actions)

    def runs(self, key: Key) -> bool:
        """Tell whether an object runs by then."""
        actual = self.world.observed.objects.get(key)
        is_going = isinstance(actual, Actual) and actual.active and actual.halt is None
        return is_going or self.does(key, _GOES)

    def first(self, key: Key) -> tuple[Key, ...]:
        """Return what an object is started after, of what is to run at all."""
        desired = self.world.desired
        return tuple(k for k in desired[key].after if k in desired and desired[k].power is Power.RUNNING)


def in_order(actions: Sequence[Action], world: World) -> tuple[list[Action], list[Held]]:
    """
    Add to the steps of all objects those that wait until a guest is ready, and hold starts whose turn cannot come.

    One that was started before is looked at anew by whoever is started after it: that it runs does not say
    that it became ready.

    Args:
        actions: In an order in which an object comes after what it is started after.
    """
    queue = _Queue(world)
    stopped: set[int] = set()
    for action in actions:
        if id(action) in stopped:
            continue
        if action.verb not in _STARTS:
            queue.actions.append(action)
        elif lacking := next((key for key in queue.first(action.key) if not queue.runs(key)), None):
            waits = onward(action, actions)
            stopped |= {id(a) for a in waits}
            detail, release = f"{lacking} does not run", f"it goes on in a later pass, once {lacking} runs"
            queue.held += [Held(a, Hold.ORDER, detail, release) for a in waits]
        else:
            _start(action, queue)
    return queue.actions, queue.held


def _start(action: Action, queue: _Queue) -> None:
    """Add a step that starts a guest, behind and before what waits."""
    first = queue.first(action.key)
    for key in first:
        _look_at(key, action, queue)
    queue.actions.append(replace(action, after=first))
    if action.policy.ready:
        queue.actions.append(replace(action, verb=_READY, effect=Effect.LIVE, changes=(), tree=None))


def _look_at(key: Key, starting: Action, queue: _Queue) -> None:
    """Add a step that waits until an object is ready that runs already."""
    if queue.world.desired[key].policy.ready and not queue.does(key, frozenset({_READY})):
        queue.actions.append(_looking(queue.world.desired[key], starting.reason))


def _looking(desired: Desired, reason: Reason) -> Action:
    """Return a step that looks at once whether an object is ready."""
    policy = desired.policy
    ready = replace(policy.ready, delay_s=0.0) if policy.ready else None
    return Action(desired.key, _READY, Effect.LIVE, reason, policy=replace(policy, ready=ready))


def probes(world: World) -> Iterator[Action]:
    """Yield steps that look whether guests which run, and are to, do their work: for one look each, without waiting."""
    for key, desired in world.desired.items():
        actual = world.observed.objects.get(key)
        runs = isinstance(actual, Actual) and actual.active and actual.halt is None
        if runs and desired.policy.ready and desired.power is Power.RUNNING:
            yield _looking(desired, Reason.DRIFT)
